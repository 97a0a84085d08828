#!/usr/bin/env bash
# Installs what Godwit is built from and tested with (Debian 12), and builds it.
# Safe to run again: it takes seconds when nothing is to be done.
#
#   scripts/setup.sh [--preset release|debug|asan|tsan] [--no-build] [--target NAME]...
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"

packages=(
    g++ cmake ninja-build ccache mold pkg-config
    libpoco-dev libhiredis-dev libyaml-cpp-dev libboost-dev libboost-filesystem-dev
    libfabric-dev libucx-dev libspdlog-dev libprotobuf-dev protobuf-compiler
    libxxhash-dev libzstd-dev libssl-dev libgtest-dev libgmock-dev libbenchmark-dev
    prometheus-cpp-dev
    redis-server rsync curl jq iproute2 procps
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

is_installed() { [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]; }

missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]})); then
    say "installing ${missing[*]}"
    command -v apt-get >/dev/null || die "needs Debian 12's packages: ${missing[*]}"
    as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "run as root once, to install: ${missing[*]}"
        as_root=(sudo)
    fi
    # A package that starts its server would take a port that is not ours to take.
    guard=/usr/sbin/policy-rc.d
    if [[ ! -e $guard ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" >/dev/null
        "${as_root[@]}" chmod +x "$guard"
        trap '"${as_root[@]}" rm -f "$guard"' EXIT
    fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

[[ $build == yes ]] || exit 0
cd "$root"
if [[ ! -f build/$preset/build.ninja ]]; then
    say "configuring build/$preset"
    cmake --preset "$preset" >/dev/null
fi
say "building build/$preset"
arguments=()
((${#targets[@]})) && arguments=(--target "${targets[@]}")
cmake --build --preset "$preset" "${arguments[@]}"
