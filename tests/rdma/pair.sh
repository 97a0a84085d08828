#!/usr/bin/env bash
# Inside of two emulated machines with a cable between them: a master and an agent on the first, an
# agent on the second, and a copy from one's device to the other's.
#
#   pair.sh libfabric|ucx RESULTS
#
# Which of the two it is, a machine knows from its network card. RESULTS is a folder of the host that
# both have: that is how they wait for each other, and how the second learns what the first has sent.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"
# shellcheck source=tests/rdma/devices.sh
source "$root/tests/rdma/devices.sh"
# shellcheck source=tests/rdma/job.sh
source "$root/tests/rdma/job.sh"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TMPDIR=/tmp

transport=$1
results=$2
bin=$root/build/release/bin
number=$(tail -c 2 /sys/class/net/eth0/address)
work=/tmp/pair
master=http://10.77.0.1:8888
patience=180

# wait_until WHAT COMMAND...
wait_until() {
    local what=$1 deadline=$((SECONDS + patience))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || die "machine $number waits in vain until $what"
        [[ ! -e $results/gave-up ]] || die "machine $number: the other one gave up"
        sleep 0.3
    done
}

write_configuration() {
    local i
    printf '%s\n' 'listen: {host: 10.77.0.1, port: 8888}' 'insecure: true' 'store: {plugin: memory}' \
        >"$work/master.yml"
    {
        printf 'master_url: %s\ninsecure: true\ntransport: %s\nworkers:\n' \
            "$master" "$(rdma_yaml "$transport")"
        for i in 1 2; do
            printf '  - worker_id: machine-%d\n    storage_paths: [%s]\n' "$i" "$work/storage-$i"
            printf '    network: {control_plane_address: 10.77.0.%d, ' "$i"
            printf 'data_plane_endpoints: [{iface: rxe0, address: 10.77.0.%d}]}\n' "$i"
        done
    } >"$work/agents.yml"
    mkdir "$work/storage-$number"
}

start_agent() {
    "$bin/godwit-agent" --worker-id "machine-$number" --config "$work/agents.yml" \
        2>"$results/agent-$number.log" &
}

workers_know() { "$bin/godwit" workers --master "$master" | grep -q "$1"; }

send() {
    make_tree "$work/storage-1/tree"
    (cd "$work/storage-1/tree" && find . -type f -exec sha256sum {} +) >"$results/sums"
    echo "$tree_bytes" >"$results/tree_bytes"
    "$bin/godwit-master" --config "$work/master.yml" 2>"$results/master.log" &
    wait_until "the master is ready" curl -sf "$master/readyz"
    start_agent
    wait_until "both agents are there" workers_know machine-2
    wait_until "its own agent is there" workers_know machine-1
    timeout "$patience" "$bin/godwit" sync "$work/storage-1/tree" "$work/storage-2/tree" --wait \
        --master "$master" >"$results/sync.log" 2>&1 || die "the sync failed: $(tail -3 "$results/sync.log")"
    touch "$results/sent"
    wait_until "the other one has looked" test -e "$results/status"
}

receive() {
    wait_until "the master is ready" curl -sf "$master/readyz"
    local before after tree_bytes
    before=$(received_bytes rxe0 1 eth0)
    start_agent
    wait_until "the other one has sent" test -e "$results/sent"
    after=$(received_bytes rxe0 1 eth0)
    tree_bytes=$(<"$results/tree_bytes")
    cd "$work/storage-2/tree"
    sha256sum --check --quiet --strict "$results/sums" || die "files differ from what was sent"
    [[ $(find . -type f | wc -l) == $(wc -l <"$results/sums") ]] || die "there are other files, too"
    ((after - before >= tree_bytes)) ||
        die "the device received $((after - before)) bytes of $tree_bytes: they went another way"
    echo "        the second machine's device received $((after - before)) bytes, of which the tree is $tree_bytes"
    echo 0 >"$results/status"
}

trap '(($? == 0)) || touch "$results/gave-up"' EXIT
mkdir "$work"
# Small packets make the emulated machine slow; the cable takes large ones.
ip link set lo up
ip link set eth0 mtu 9000
ip address add "10.77.0.$number/24" dev eth0
ip link set eth0 up
rdma link add rxe0 type rxe netdev eth0
wait_for_gid rxe0 "10.77.0.$number"
write_configuration
if [[ $number == 1 ]]; then send; else receive; fi
