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
status=0
bash "$root/tests/rdma/checks.sh" "$1" "$2" || status=$?
echo "$status" >"$2/status"
