#!/usr/bin/env bash
# Inside of the emulated machine: makes its RDMA devices, and checks one transport over them.
#
#   guest.sh libfabric|ucx RESULTS
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/rdma/devices.sh
source "$root/tests/rdma/devices.sh"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TMPDIR=/tmp

make_soft_roce
# Until each has its GIDs: they follow from the interfaces' addresses, a moment later.
for device in rxe0 rxe1; do
    for ((i = 0; i < 100; ++i)); do
        grep -qs 'ffff:0a4d' "/sys/class/infiniband/$device/ports/1/gids/1" && break
        sleep 0.1
    done
done
status=0
bash "$root/tests/rdma/checks.sh" "$1" "$2" || status=$?
echo "$status" >"$2/status"
