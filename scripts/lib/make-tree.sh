#!/usr/bin/env bash
# Makes a tree like those that people have: thousands of small files in nested folders, some large
# ones, links, empty things, odd names and modes.
#
#   make-tree.sh FOLDER SIZE_MIB
set -euo pipefail
folder=$1
size_mib=$2
mkdir -p "$folder"
cd "$folder"

# Small files are pieces of one random file: made once, cut apart quickly.
for experiment in alpha beta gamma delta; do
    for run in 01 02 03 04 05; do
        mkdir -p "$experiment/run-$run"
        head -c 1500000 /dev/urandom | split -b 6k -a 3 -d - "$experiment/run-$run/sample-"
        echo "{\"experiment\": \"$experiment\", \"run\": \"$run\"}" >"$experiment/run-$run/meta.json"
    done
done
mkdir -p checkpoints empty/folder 'odd names'
large=$(((size_mib - 30) / 3))
((large > 0)) || large=1
for step in 1000 2000 3000; do
    head -c "$((large * 1024 * 1024 + step))" /dev/urandom >"checkpoints/step-$step.pt"
done
ln -s step-3000.pt checkpoints/latest
ln -s /nowhere/at/all dangling
: >empty/file
: >'odd names/with space'
: >'odd names/ümläut'
printf 'x' >$'odd names/new\nline'
printf 'x' >$'odd names/latin-\xe9'
chmod 0400 alpha/run-01/meta.json
chmod 0750 alpha
touch -d '1999-12-31 23:59:59.123456789' beta/run-01/meta.json
touch -d '2001-02-03 04:05:06.700000001' gamma
