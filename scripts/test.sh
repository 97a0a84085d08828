#!/usr/bin/env bash
# Installs, builds and runs the whole test suite; what CI runs.
#
#   scripts/test.sh [--preset release|debug|asan|tsan]... [ctest arguments]
#
# Without --preset: all of release, then the unit tests and the main job of asan.
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
if ((${#presets[@]} == 0)); then
    "$root/scripts/setup.sh" --preset release
    "$root/scripts/setup.sh" --preset asan --target quick_tests
    say "testing build/asan: unit tests and the main job"
    # What the arguments choose may be none of these.
    ctest --preset asan --no-tests=ignore -L 'unit|smoke' "$@"
    presets=(release)
fi
for preset in "${presets[@]}"; do
    "$root/scripts/setup.sh" --preset "$preset"
done
for preset in "${presets[@]}"; do
    say "testing build/$preset"
    ctest --preset "$preset" --no-tests=error "$@"
done
