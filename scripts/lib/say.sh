# shellcheck shell=bash
# Words for people; sourced by the other scripts.
say() {
    if [[ -t 1 ]]; then printf '\033[1m== %s\033[0m\n' "$*"; else echo "== $*"; fi
}
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
