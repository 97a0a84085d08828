#!/usr/bin/env bash
# What is checked on a machine with RDMA, emulated or not: one transport, its kit and the real
# executables. Called by run.sh and by guest.sh.
#
#   checks.sh libfabric|ucx RESULTS [IFACE/ADDRESS [IFACE/ADDRESS]]
#
# The NICs are the source's and the destination's; without them, the first two (or the one) there
# are. Logs go to the folder RESULTS; the exit status says whether all held.
# shellcheck disable=SC2317  # check() calls functions by name
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"
# shellcheck source=scripts/lib/cluster.sh
source "$root/scripts/lib/cluster.sh"
# shellcheck source=tests/rdma/devices.sh
source "$root/tests/rdma/devices.sh"
# shellcheck source=tests/rdma/job.sh
source "$root/tests/rdma/job.sh"

transport=$1
results=$2
shift 2
bin=$root/build/release/bin
cluster_patience=120
kit_seconds=900
copy_seconds=240

case $transport in
libfabric)
    fabric='provider=verbs;ofi_rxm'
    suite=LibfabricSite
    ;;
ucx)
    fabric='tls=rc'
    suite=UcxSite
    ;;
*) die "unknown transport '$transport' (known: libfabric, ucx)" ;;
esac

# ----------------------------------------------------------------------------------- the machine

# Sets source_nic and destination_nic, each "device port iface address".
choose_nics() {
    local nics=() chosen=() wanted nic
    mapfile -t nics < <(list_devices)
    ((${#nics[@]})) || die "no RDMA device here is up and has an interface with an IPv4 address"
    for wanted in "$@"; do
        nic=$(printf '%s\n' "${nics[@]}" | grep -F -- " ${wanted/\// }" || true)
        [[ -n $nic ]] || die "no RDMA device belongs to '$wanted'; there are: $(printf '%s; ' "${nics[@]}")"
        chosen+=("$nic")
    done
    ((${#chosen[@]})) || chosen=("${nics[@]}")
    source_nic=${chosen[0]}
    destination_nic=${chosen[1]-${chosen[0]}}
    say "$transport: from '$source_nic' to '$destination_nic' (device, port, interface, address)"
}

# -------------------------------------------------------------------------------------- the checks

failed=0
check_pid=
leave_check() {
    stop_cluster
    [[ ! -v logs ]] || cp "$work"/*.log "$work"/*.yml "$logs/"
}

# check WHAT COMMAND...: a failure of one is told, and does not keep the others from being tried.
check() {
    local what=$1 status=0 started=$SECONDS
    shift
    # In the background, so that the end of this script is the end of its check, too.
    (
        trap - INT TERM
        trap leave_check EXIT
        "$@"
    ) &
    check_pid=$!
    wait "$check_pid" || status=$?
    check_pid=
    if ((status == 0)); then
        echo "ok      $transport: $what ($((SECONDS - started)) s)"
    else
        echo "FAILED  $transport: $what ($((SECONDS - started)) s)"
        failed=1
    fi
}

passes_the_kit() {
    local _ iface address log=$results/kit.log
    read -r _ _ iface address <<<"$source_nic"
    if ! GODWIT_TEST_FABRIC=$fabric GODWIT_TEST_NIC=$iface/$address \
        GODWIT_TEST_PATIENCE_SECONDS=120 \
        timeout -k 5 "$kit_seconds" "$root/build/release/tests/transport_${transport}_conformance" \
        --gtest_filter="$suite/*" >"$log" 2>&1; then
        grep -E '^\[  FAILED|Failure|^Expected|^open rail' "$log" | head -20
        die "the kit failed: see $log"
    fi
    grep -qE '^\[  PASSED  \] [1-9][0-9]* tests' "$log" || die "the kit ran no test: see $log"
    grep -E '^\[  (PASSED|SKIPPED) ' "$log"
}

# copy_tree LABEL TRANSPORT_YAML SOURCE_ENDPOINT DESTINATION_ENDPOINT: a master, two agents, one
# request; then every byte is compared. Leaves the cluster running; sets device_bytes.
copy_tree() {
    local device port iface before
    read -r device port iface _ <<<"$destination_nic"
    work=$work/$1
    logs=$results/$1
    mkdir -p "$work/destination" "$logs"
    start_master memory
    cluster_endpoint=([worker-a]=$3 [worker-b]=$4 [worker-c]=$4)
    write_agents "$2" "worker-a=$tree_parent" "worker-b=$work/destination" "worker-c=$work/destination"
    start_agent worker-a
    start_agent worker-b
    before=$(received_bytes "$device" "$port" "$iface")
    timeout "$copy_seconds" "$bin/godwit" sync "$tree_parent/tree" "$work/destination/tree" \
        --wait >"$work/sync.log" 2>&1 || die "the sync failed: $(tail -3 "$work/sync.log")"
    device_bytes=$(($(received_bytes "$device" "$port" "$iface") - before))
    diff -r "$tree_parent/tree" "$work/destination/tree" || die "the copies differ"
}

# The tree's bytes cannot have come another way: each is fetched once.
went_over_the_device() { ((device_bytes >= tree_bytes)); }

copies_over_rdma() {
    local source device address
    read -r source _ <<<"$source_nic"
    read -r device _ _ address <<<"$destination_nic"
    copy_tree rdma "$(rdma_yaml "$transport")" "{iface: $source}" "{iface: $device, address: $address}"
    went_over_the_device ||
        die "device $device received $device_bytes bytes of $tree_bytes: they went another way"
    echo "        device $device received $device_bytes bytes, of which the tree is $tree_bytes"
    refuses_to_start_without_lockable_memory
}

# One more agent, which may lock one MiB: it must say so, and how to change it.
refuses_to_start_without_lockable_memory() {
    local log=$work/worker-c.log status=0 without_privilege=()
    ((EUID != 0)) || without_privilege=(setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock)
    "${without_privilege[@]}" prlimit --memlock=$((1 << 20)) timeout 60 "$bin/godwit-agent" \
        --worker-id worker-c --config "$work/agents.yml" 2>"$log" || status=$?
    ((status != 0 && status != 124)) || die "an agent started that may lock 1 MiB only"
    grep -q 'LimitMEMLOCK' "$log" || die "not a word of the limit: $(tail -3 "$log")"
    echo "        with 1 MiB to lock: $(tail -1 "$log" | cut -c 1-400)"
}

# UCX may be given both, and then has to prefer the device.
copies_over_rdma_where_tcp_is_allowed_too() {
    local source device iface address
    read -r _ _ source _ <<<"$source_nic"
    read -r device _ iface address <<<"$destination_nic"
    copy_tree both '{plugin: ucx, options: {tls: "rc,tcp"}}' "{iface: $source}" \
        "{iface: $iface, address: $address}"
    went_over_the_device ||
        die "device $device received $device_bytes bytes of $tree_bytes: they went another way"
    echo "        device $device received $device_bytes bytes, of which the tree is $tree_bytes"
}

# Proves that the check above can fail: the same copy by TCP, over the same addresses.
sees_that_tcp_goes_another_way() {
    local endpoints=() nic device iface address
    for nic in "$source_nic" "$destination_nic"; do
        read -r device _ iface address <<<"$nic"
        endpoints+=("{iface: $iface, address: $address}")
    done
    copy_tree tcp "$(tcp_yaml "$transport")" "${endpoints[@]}"
    ! went_over_the_device ||
        die "device $device received $device_bytes bytes: its counters tell TCP from RDMA no more"
    echo "        device $device received $device_bytes bytes, the tree is $tree_bytes: refused"
}

mkdir -p "$results"
results=$(cd "$results" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/godwit-rdma-XXXXXX")
end_check() {
    if [[ -n $check_pid ]]; then
        kill "$check_pid" 2>/dev/null || true
        wait "$check_pid" || true
    fi
    rm -rf "$work"
}
trap end_check EXIT
trap 'exit 130' INT TERM
tree_parent=$work/source
choose_nics "$@"
make_tree "$tree_parent/tree"

check "a master and two agents copy $job over RDMA" \
    copies_over_rdma
check "the same over TCP is told from it by the device's counters" sees_that_tcp_goes_another_way
[[ $transport != ucx ]] || check "with 'rc,tcp' the bytes go over RDMA, too" \
    copies_over_rdma_where_tcp_is_allowed_too
check "the conformance kit passes over RDMA" passes_the_kit
exit "$failed"
