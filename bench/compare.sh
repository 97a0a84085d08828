#!/usr/bin/env bash
# One large file and many small ones between two agents on loopback, over each transport, beside
# `rsync -a` to a loopback rsync daemon and `cp -a`: all in one run, since figures of shared machines
# drift between runs. Prints a table with ratios to rsync.
#
#   bench/compare.sh [--dir FOLDER] [--large-mib 2048] [--files 20000] [--rounds 3]
#                    [--transports "libfabric ucx"] [--skip-build]
#
# FOLDER should be on a file system with room for twice the data; the default is memory (/dev/shm), so
# that the movers are measured and not the disk. Every figure is the median of the rounds.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"

dir=/dev/shm
large_mib=2048
files=20000
rounds=3
transports="libfabric ucx"
build=yes
while (($#)); do
    case $1 in
    --dir) dir=${2:?} && shift 2 ;;
    --large-mib) large_mib=${2:?} && shift 2 ;;
    --files) files=${2:?} && shift 2 ;;
    --rounds) rounds=${2:?} && shift 2 ;;
    --transports) transports=${2:?} && shift 2 ;;
    --skip-build) build=no && shift ;;
    *) die "unknown option '$1'" ;;
    esac
done
[[ $build == no ]] || "$root/scripts/setup.sh" --preset release
bin=$root/build/release/bin
work=$(mktemp -d "$dir/godwit-bench-XXXXXX")
# shellcheck source=scripts/lib/cluster.sh
source "$root/scripts/lib/cluster.sh"
finish() {
    stop_cluster
    rm -rf "$work"
}
trap finish EXIT
# shellcheck source=scripts/lib/small-files.sh
source "$root/scripts/lib/small-files.sh"

say "making the data: one file of $large_mib MiB, $files files of 4 KiB"
mkdir -p "$work/a/large" "$work/a/small" "$work/b"
head -c "${large_mib}M" /dev/urandom >"$work/a/large/file"
make_small_files "$work/a/small" "$files" 4096

now() { date +%s.%N; }
# measure NAME COMMAND...: appends the seconds that it took to $work/times.NAME.
measure() {
    local name=$1 start
    shift
    rm -rf "$work/b/out"
    start=$(now)
    "$@" >"$work/out.log" 2>&1 || die "$name failed: $(tail -3 "$work/out.log")"
    echo "$start $(now)" | awk '{print $2 - $1}' >>"$work/times.$name"
    diff -rq "$work/a/$what" "$work/b/out" >/dev/null || die "$name: source and destination differ"
}
median() { sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

start_rsyncd "$work/b"
start_master memory
for transport in $transports; do
    # A pair of workers for each transport, all over the same folders.
    write_agents "$(transport_yaml "$transport")" "$transport-a=$work/a" "$transport-b=$work/b"
    cp "$work/agents.yml" "$work/agents-$transport.yml"
done

sync_over() { "$bin/godwit" sync "$work/a/$what" "$work/b/out" --wait; }

for what in large small; do
    for ((round = 1; round <= rounds; round++)); do
        say "$what, round $round of $rounds"
        measure "$what.cp" cp -a "$work/a/$what" "$work/b/out"
        measure "$what.rsync" rsync -a "$work/a/$what/" "$rsync_url/out/"
        for transport in $transports; do
            cp "$work/agents-$transport.yml" "$work/agents.yml"
            start_agent "$transport-a"
            start_agent "$transport-b"
            measure "$what.$transport" sync_over
            # The next transport's agents must be alone.
            for worker in 1 2; do
                pid=${cluster_pids[-1]}
                kill "$pid"
                wait "$pid" || true
                unset 'cluster_pids[-1]'
            done
        done
    done
done

printf '\n%-22s %10s %14s %12s\n' 'case' 'seconds' 'throughput' 'vs rsync'
for what in large small; do
    reference=$(median "$work/times.$what.rsync")
    for name in cp rsync $transports; do
        seconds=$(median "$work/times.$what.$name")
        if [[ $what == large ]]; then
            amount=$(awk "BEGIN {printf \"%.0f MiB/s\", $large_mib / $seconds}")
        else
            amount=$(awk "BEGIN {printf \"%.0f files/s\", $files / $seconds}")
        fi
        ratio=$(awk "BEGIN {printf \"%.2fx\", $reference / $seconds}")
        label=$name
        [[ $name == cp || $name == rsync ]] || label="godwit $name"
        printf '%-22s %10.2f %14s %12s\n' "$what: $label" "$seconds" "$amount" "$ratio"
    done
done
