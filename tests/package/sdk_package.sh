#!/usr/bin/env bash
# Installs Godwit, builds the example plugin against what was installed, lets its kit judge it, and
# has the installed CLI and master find it.
#
#   sdk_package.sh BUILD_FOLDER EXAMPLE_FOLDER
set -euo pipefail
build=$1 example=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/godwit" >/dev/null
cp -r "$example" "$work/source"
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$work/godwit" >/dev/null
cmake --build "$work/build"
ctest --test-dir "$work/build" --output-on-failure --no-tests=error

mkdir -m 755 "$work/plugins"
cp "$work/build/godwit_policy_least_served.so" "$work/plugins"
export LD_LIBRARY_PATH=$work/godwit/lib
"$work/godwit/bin/godwit" plugins --plugin-path "$work/plugins" | tee "$work/plugins.txt"
grep -q 'least_served' "$work/plugins.txt"
cat >"$work/master.yml" <<YAML
listen: {host: 127.0.0.1, port: 0}
plugin_path: ["$work/plugins", "$(dirname "$(find "$work/godwit" -name godwit_store_memory.so)")"]
store: {plugin: memory}
policy: {plugin: least_served, options: {units_per_request_max: 8}}
YAML
"$work/godwit/bin/godwit-master" --config "$work/master.yml" --check-config
