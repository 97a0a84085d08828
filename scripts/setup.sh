#!/usr/bin/env bash
# Installs what Godwit is built from and tested with (Debian 12), and builds it.
# Safe to run again: it takes seconds when nothing is to be done.
#
#   scripts/setup.sh [--preset release|debug|asan|tsan] [--no-build] [--target NAME]...
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"
# shellcheck source=scripts/lib/packages.sh
source "$root/scripts/lib/packages.sh"

packages=(
    g++ cmake ninja-build ccache mold pkg-config
    libpoco-dev libhiredis-dev libyaml-cpp-dev libboost-dev libboost-filesystem-dev
    libfabric-dev libucx-dev libspdlog-dev libprotobuf-dev protobuf-compiler
    libxxhash-dev libzstd-dev libmount-dev libssl-dev libgtest-dev libgmock-dev libbenchmark-dev
    prometheus-cpp-dev
    redis-server rsync acl attr e2fsprogs btrfs-progs curl jq iproute2 procps
)

preset=release
build=yes
targets=()
while (($#)); do
    case $1 in
    --preset) preset=${2:?--preset needs a name} && shift 2 ;;
    --no-build) build=no && shift ;;
    --target) targets+=("${2:?--target needs a name}") && shift 2 ;;
    *) die "unknown option '$1' (known: --preset NAME, --no-build, --target NAME)" ;;
    esac
done

install_packages "${packages[@]}"

[[ $build == yes ]] || exit 0
cd "$root"
# Plugins that a group can write are refused: those of a build under umask 002, perhaps.
umask 022
if [[ ! -f build/$preset/build.ninja ]]; then
    say "configuring build/$preset"
    cmake --preset "$preset" >/dev/null
fi
say "building build/$preset"
arguments=()
((${#targets[@]})) && arguments=(--target "${targets[@]}")
cmake --build --preset "$preset" "${arguments[@]}"
