#!/usr/bin/env bash
# Installs, builds and runs the whole test suite; what CI runs.
#
#   scripts/test.sh [--preset release|debug|asan|tsan]... [ctest arguments]
#
# Without --preset: under AddressSanitizer the unit tests, and a sync over each transport and store;
# then all of release.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/say.sh
source "$root/scripts/lib/say.sh"

presets=()
while [[ ${1:-} == --preset ]]; do
    presets+=("${2:?--preset needs a name}")
    shift 2
done

cd "$root"
failed=0
# run PRESET ARGUMENT...: a preset that fails does not keep the next one from being run.
run() {
    say "testing build/$1"
    ctest --preset "$@" || failed=$?
}

if ((${#presets[@]} == 0)); then
    "$root/scripts/setup.sh" --preset release
    "$root/scripts/setup.sh" --preset asan --target quick_tests
    if (($# == 0)); then
        run asan -L unit
        run asan -R 'MainJob.ASecondSyncCopiesOnlyWhatChanged/(MemoryLibfabric|RedisUcx)'
    else
        # What the arguments choose may be none of these.
        run asan --no-tests=ignore -L 'unit|smoke' "$@"
    fi
    run release --no-tests=error "$@"
    exit "$failed"
fi
for preset in "${presets[@]}"; do
    "$root/scripts/setup.sh" --preset "$preset"
done
for preset in "${presets[@]}"; do
    run "$preset" --no-tests=error "$@"
done
exit "$failed"
