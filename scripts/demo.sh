#!/usr/bin/env bash
# Shows Godwit at work on this machine: builds it, starts a master and two agents on loopback, syncs a
# tree of its own making between their storage paths, compares every byte, and stops everything.
#
#   scripts/demo.sh [--store memory|redis] [--transport libfabric|ucx] [--size-mib N] [--keep]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"

store=memory
transport=libfabric
size_mib=1200
keep=no
while (($#)); do
    case $1 in
    --store) store=${2:?--store needs a name} && shift 2 ;;
    --transport) transport=${2:?--transport needs a name} && shift 2 ;;
    --size-mib) size_mib=${2:?--size-mib needs a number} && shift 2 ;;
    --keep) keep=yes && shift ;;
    *) die "unknown option '$1' (known: --store, --transport, --size-mib, --keep)" ;;
    esac
done
[[ $store == memory || $store == redis ]] || die "unknown store '$store' (known: memory, redis)"
[[ $transport == libfabric || $transport == ucx ]] ||
    die "unknown transport '$transport' (known: libfabric, ucx)"
[[ $size_mib =~ ^[0-9]+$ ]] || die "--size-mib needs a number, got '$size_mib'"

# Not the tests, which take most of a first build.
"$root/scripts/setup.sh" --preset release --target godwit --target godwit-agent \
    --target godwit-master --target store_memory --target store_redis \
    --target policy_storage_affinity --target policy_round_robin \
    --target transport_libfabric --target transport_ucx
bin=$root/build/release/bin
temporary=${TMPDIR:-/tmp}
free_mib=$(df --output=avail --block-size=1M "$temporary" | tail -n 1)
# The tree stands there twice.
((free_mib > 2 * size_mib + 200)) ||
    die "$temporary has ${free_mib// /} MiB left, and 2 x $size_mib MiB are needed: choose another" \
        "TMPDIR or a smaller --size-mib"
work=$(mktemp -d "$temporary/godwit-demo-XXXXXX")
# shellcheck source=scripts/lib/cluster.sh
source "$root/scripts/lib/cluster.sh"
finish() {
    local status=$?
    stop_cluster
    if [[ $keep == yes ]]; then
        say "kept: $work"
    elif ((status != 0)); then
        rm -rf "$work"/storage-?
        say "failed; the logs are in $work"
    else
        rm -rf "$work"
    fi
}
trap finish EXIT

say "making a tree in $work/storage-a (about $size_mib MiB)"
"$root/scripts/lib/make-tree.sh" "$work/storage-a/dataset" "$size_mib"
mkdir "$work/storage-b"

say "starting a master (store: $store) and two agents (transport: $transport)"
start_master "$store"
write_agents "$(transport_yaml "$transport")" "worker-a=$work/storage-a" "worker-b=$work/storage-b"
start_agent worker-a
start_agent worker-b
"$bin/godwit" workers

say "syncing: godwit sync $work/storage-a/dataset $work/storage-b/dataset --wait"
"$bin/godwit" sync "$work/storage-a/dataset" "$work/storage-b/dataset" --id demo-1 \
    --wait --timeout 600
curl -s "$master_url/sync/demo-1" | jq '{state, transferred_bytes, files, bytes, rate_bytes_per_second}'

say "comparing source and destination byte for byte"
diff -r --no-dereference "$work/storage-a/dataset" "$work/storage-b/dataset"
rsync -aHnic --delete --modify-window=-1 "$work/storage-a/dataset/" "$work/storage-b/dataset/" \
    >"$work/differences"
[[ ! -s $work/differences ]] || die "rsync sees differences: $(head -5 "$work/differences")"
echo "identical: contents, names, modes, owners, times to the nanosecond"

say "syncing again: nothing has changed"
"$bin/godwit" sync "$work/storage-a/dataset" "$work/storage-b/dataset" --id demo-2 --wait
say "done"
