#!/usr/bin/env bash
# Proves both transports over a real RDMA device: the verbs of Soft-RoCE, in an emulated machine that
# this script makes; or, with --here, the devices of the machine that it runs on.
#
#   tests/rdma/run.sh [--transport libfabric|ucx] [--results FOLDER]
#                     [--here [--nic IFACE/ADDRESS [--nic IFACE/ADDRESS]]]
#
# In there, a master and two agents copy a tree over the device, which is compared byte for byte, and
# the device's own counters must show its bytes; the same over TCP must be told from it; and the
# transport's conformance kit runs. The last line says what passed; the exit status is the verdict.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"
# shellcheck source=scripts/lib/packages.sh
source "$root/scripts/lib/packages.sh"
# shellcheck source=tests/rdma/machine.sh
source "$root/tests/rdma/machine.sh"
# shellcheck source=tests/rdma/job.sh
source "$root/tests/rdma/job.sh"
machine_seconds=1500

transports=()
nics=()
here=no
results=
while (($#)); do
    case $1 in
    --transport) transports+=("${2:?--transport needs a name}") && shift 2 ;;
    --results) results=${2:?--results needs a folder} && shift 2 ;;
    --nic) nics+=("${2:?--nic needs an interface and its address}") && shift 2 ;;
    --here) here=yes && shift ;;
    *) die "unknown option '$1' (known: --transport, --here, --nic, --results)" ;;
    esac
done
((${#transports[@]})) || transports=(libfabric ucx)
for transport in "${transports[@]}"; do
    [[ $transport == libfabric || $transport == ucx ]] ||
        die "unknown transport '$transport' (known: libfabric, ucx)"
done
for nic in "${nics[@]}"; do
    [[ $nic == ?*/?* ]] || die "--nic needs an interface and its address, as in eth2/10.0.0.7"
done
((${#nics[@]} <= 2)) || die "--nic: the source's and the destination's, no more"
[[ $here == yes ]] || ((${#nics[@]} == 0)) || die "--nic goes with --here"

build() {
    "$root/scripts/setup.sh" --preset release --target godwit --target godwit-agent \
        --target godwit-master --target store_memory --target policy_storage_affinity \
        --target transport_libfabric_conformance --target transport_ucx_conformance
}

# check_here TRANSPORT, check_in_machine TRANSPORT: the exit status is the verdict.
check_here() {
    bash "$root/tests/rdma/checks.sh" "$1" "$results/$1" "${nics[@]}" &
    machine_pids=($!)
    wait "${machine_pids[0]}"
}

check_in_machine() {
    check_in_one_machine "$1"
    local status=$?
    check_between_machines "$1" || status=1
    return "$status"
}

check_in_one_machine() {
    local folder=$results/$1
    prepare_results "$folder" guest.sh "$1"
    boot_machine "$folder" "$machine_seconds" "$machine_memory_mib" -nic none \
        >"$folder/console.log" 2>&1 &
    machine_pids=($!)
    show_until_it_ends "$folder/console.log"
    [[ -s $folder/status ]] && return "$(<"$folder/status")"
    echo "FAILED  $1: the machine came to no verdict (it has $machine_seconds s for one)"
    return 1
}

check_between_machines() {
    local folder=$results/$1-pair number started=$SECONDS
    prepare_results "$folder" pair.sh "$1"
    cable=$(mktemp -d "/tmp/godwit-rdma-cable-XXXXXX")
    machine_pids=()
    for number in 1 2; do
        card_arguments "$number" "$cable/socket"
        boot_machine "$folder" "$machine_seconds" "$machine_memory_of_two_mib" "${machine_card[@]}" \
            >>"$folder/console.log" 2>&1 &
        machine_pids+=($!)
        wait_for_socket "$cable/socket"
    done
    show_until_it_ends "$folder/console.log"
    rm -rf "$cable"
    local what="$1: a master and two agents in two machines copy $job from one's device to the other's"
    if [[ -s $folder/status ]]; then
        echo "ok      $what ($((SECONDS - started)) s)"
    else
        echo "FAILED  $what ($((SECONDS - started)) s)"
        return 1
    fi
}

# prepare_results FOLDER SCRIPT TRANSPORT: what the machine is to run.
prepare_results() {
    mkdir -p "$1"
    : >"$1/console.log"
    printf 'bash %q %q /run/godwit-rdma\n' "$root/tests/rdma/$2" "$3" >"$1/run"
}

show_until_it_ends() {
    local pid
    tail -n +1 -f --pid="${machine_pids[0]}" "$1" &
    tail_pid=$!
    for pid in "${machine_pids[@]}"; do wait "$pid" || true; done
    wait "$tail_pid" || true
}

wait_for_socket() {
    local i
    for ((i = 0; i < 100; ++i)); do
        [[ ! -S $1 ]] || return 0
        sleep 0.1
    done
}

machine_pids=()
tail_pid=
cable=
end_machines() {
    local pid
    for pid in "${machine_pids[@]}" $tail_pid; do kill "$pid" 2>/dev/null || true; done
    [[ -z $cable ]] || rm -rf "$cable"
}
trap end_machines EXIT
trap 'exit 130' INT TERM

keeps_results=yes
if [[ -z $results ]]; then
    results=$(mktemp -d "${TMPDIR:-/tmp}/godwit-rdma-results-XXXXXX")
    keeps_results=no
else
    mkdir -p "$results"
    results=$(cd "$results" && pwd)
fi
for transport in "${transports[@]}"; do rm -rf "${results:?}/$transport" "$results/$transport-pair"; done

build
if [[ $here == yes ]]; then
    install_packages iproute2 ibverbs-providers
    where="on this machine"
    check=check_here
else
    prepare_machine
    where="in an emulated machine with Soft-RoCE"
    check=check_in_machine
fi

passed=()
failed=()
for transport in "${transports[@]}"; do
    say "$transport, $where"
    status=0
    "$check" "$transport" || status=$?
    if ((status == 0)); then passed+=("$transport"); else failed+=("$transport"); fi
done

if ((${#failed[@]})); then
    echo "FAILED over RDMA $where: ${failed[*]} (passed: ${passed[*]:-none}); logs: $results"
    exit 1
fi
[[ $keeps_results == yes ]] || rm -rf "$results"
echo "passed over RDMA $where: ${passed[*]} (copies, device counters, conformance kit; $((SECONDS / 60)) min $((SECONDS % 60)) s)"
