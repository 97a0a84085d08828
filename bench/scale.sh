#!/usr/bin/env bash
# Whether memory stays constant however many files there are: syncs a tree of small files between two
# agents on loopback, then the same tree unchanged, and prints how long both took, the most memory that
# each process had, and the most units that the master held. An `rsync -a` over the unchanged tree
# follows, for its speed and as a second opinion on what was copied.
#
#   bench/scale.sh [--files 1000000] [--flat] [--bytes 1024] [--store memory|redis]
#                  [--transport libfabric|ucx] [--dir FOLDER] [--skip-build]
#
# --flat puts all files into one directory, rather than 1000 into each. Fails unless every file was
# copied once, none was copied again, and each process stayed under 256 MiB.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"

files=1000000
per_folder=1000
bytes=1024
store=memory
transport=libfabric
dir=${TMPDIR:-/tmp}
build=yes
limit_mib=256
while (($#)); do
    case $1 in
    --files) files=${2:?--files needs a number} && shift 2 ;;
    --flat) per_folder=0 && shift ;;
    --bytes) bytes=${2:?--bytes needs a number} && shift 2 ;;
    --store) store=${2:?--store needs a name} && shift 2 ;;
    --transport) transport=${2:?--transport needs a name} && shift 2 ;;
    --dir) dir=${2:?--dir needs a folder} && shift 2 ;;
    --skip-build) build=no && shift ;;
    *) die "unknown option '$1'" ;;
    esac
done
[[ $files =~ ^[1-9][0-9]{0,7}$ ]] || die "--files needs a number from 1 to 99999999, got '$files'"
[[ $bytes =~ ^[1-9][0-9]{0,8}$ ]] || die "--bytes needs a positive number, got '$bytes'"
[[ $store == memory || $store == redis ]] || die "unknown store '$store' (known: memory, redis)"

# Source and destination, with an inode and whole blocks for each file.
require_room() {
    local inodes space_kib has_inodes has_kib all_inodes
    inodes=$((2 * files + 2 * files / 1000 + 100))
    space_kib=$((2 * files * ((bytes + 4095) / 4096 * 4096 + 512) / 1024 + 65536))
    read -r all_inodes has_inodes has_kib < <(df -k --output=itotal,iavail,avail "$dir" | tail -1)
    ((has_kib >= space_kib)) ||
        die "$dir has $((has_kib / 1024)) MiB left, $files files need $((space_kib / 1024)) MiB" \
            "(--dir and --files choose otherwise)"
    # Some file systems do not count them.
    [[ $all_inodes =~ ^[1-9] ]] || return 0
    ((has_inodes >= inodes)) ||
        die "$dir has $has_inodes inodes left, $files files need $inodes" \
            "(--dir and --files choose otherwise)"
}
[[ -d $dir ]] || die "$dir is not a folder"
require_room

[[ $build == no ]] || "$root/scripts/setup.sh" --preset release
bin=$root/build/release/bin
work=$(mktemp -d "$dir/godwit-scale-XXXXXX")
# shellcheck source=scripts/lib/cluster.sh
source "$root/scripts/lib/cluster.sh"
# shellcheck source=scripts/lib/small-files.sh
source "$root/scripts/lib/small-files.sh"
finish() {
    stop_cluster
    rm -rf "$work"
}
trap finish EXIT

now() { date +%s.%N; }
# seconds_of COMMAND...: runs it to its end, in the background so that a signal is heard at once, and
# stopped with the cluster.
seconds_of() {
    local start pid
    start=$(now)
    "$@" >"$work/out.log" 2>&1 &
    pid=$!
    cluster_pids+=("$pid")
    wait "$pid" || die "'${*##*/}' failed: $(tail -3 "$work/out.log")"
    unset 'cluster_pids[-1]'
    seconds=$(echo "$start $(now)" | awk '{printf "%.2f", $2 - $1}')
}

progress() { curl -s "$master_url/sync/$1"; }
# Until the file $work/sampling is gone.
sample_units() {
    while [[ -e $work/sampling ]]; do
        progress "$1" | jq -r '[.assignments[]? | .pending + .leased] | add // 0'
        sleep 0.5
    done >>"$work/units" 2>/dev/null
}

# sync_once ID: the seconds to $work/ID.seconds, the progress document to $work/ID.json.
sync_once() {
    local sampler
    touch "$work/sampling"
    sample_units "$1" &
    sampler=$!
    seconds_of "$bin/godwit" sync "$work/a/tree" "$work/b/tree" --id "$1" --wait
    rm "$work/sampling"
    wait "$sampler" || true
    echo "$seconds" >"$work/$1.seconds"
    progress "$1" >"$work/$1.json"
}

verdict=0
# expect WHAT IS MUST_BE
expect() {
    [[ $2 == "$3" ]] && return
    printf 'not as it must be: %s is %s, must be %s\n' "$1" "$2" "$3"
    verdict=1
}
count_of() { jq -r ".files.$2" "$work/$1.json"; }

# memory_row WHAT PID
memory_row() {
    local kib word=yes
    kib=$(awk '$1 == "VmHWM:" {print $2}' "/proc/$2/status")
    if ((kib >= limit_mib * 1024)); then
        word=NO
        verdict=1
    fi
    printf '%-24s %12.1f %16s\n' "$1" "$(awk "BEGIN {print $kib / 1024}")" "$word"
}
# speed_row WHAT SECONDS COPIED
speed_row() {
    printf '%-24s %10.2f %12.0f %12s\n' "$1" "$2" "$(awk "BEGIN {print $files / $2}")" "$3"
}

shape="1000 a directory"
((per_folder > 0)) || shape="all in one directory"
say "making $files files of $bytes bytes, $shape"
mkdir -p "$work/a/tree" "$work/b"
make_small_files "$work/a/tree" "$files" "$bytes" "$per_folder"

start_master "$store"
write_agents "$(transport_yaml "$transport")" "worker-a=$work/a" "worker-b=$work/b"
start_agent worker-a
agent_a_pid=${cluster_pids[-1]}
start_agent worker-b
agent_b_pid=${cluster_pids[-1]}
start_rsyncd "$work/b"

for round in first second; do
    say "$round sync (store: $store, transport: $transport)"
    sync_once "$round"
done
say "rsync -a over the unchanged tree"
seconds_of rsync -a --stats "$work/a/tree/" "$rsync_url/tree/"
rsync_seconds=$seconds
rsync_copied=$(awk -F': ' '/^Number of regular files transferred/ {print $2}' "$work/out.log")

printf '\n%-24s %10s %12s %12s\n' 'run' 'seconds' 'files/s' 'copied'
for round in first second; do
    speed_row "$round sync" "$(cat "$work/$round.seconds")" "$(count_of "$round" copied)"
done
speed_row 'rsync -a, unchanged' "$rsync_seconds" "$rsync_copied"
printf '\n%-24s %12s %16s\n' 'process' 'peak MiB' "under $limit_mib MiB"
memory_row master "$master_pid"
memory_row 'agent of the source' "$agent_a_pid"
memory_row 'agent of the destination' "$agent_b_pid"
if [[ $store == redis ]]; then
    memory_row redis-server "$redis_pid"
    printf '\nredis used_memory, at most: %s\n' \
        "$(redis-cli -u "$redis_url" info memory | tr -d '\r' |
            awk -F: '$1 == "used_memory_peak_human" {print $2}')"
fi
printf '\nunits at most, sampled twice a second: %s\n' "$(sort -n "$work/units" | tail -1)"

for round in first second; do
    expect "the state of the $round sync" "$(jq -r .state "$work/$round.json")" COMPLETED
    expect "files.failed of the $round sync" "$(count_of "$round" failed)" 0
done
expect 'files.copied of the first sync' "$(count_of first copied)" "$files"
expect 'files.copied of the second sync' "$(count_of second copied)" 0
expect "what rsync had left to copy" "$rsync_copied" 0
exit "$verdict"
