# shellcheck shell=bash
# Debian's packages; sourced. Needs say.sh.

is_installed() { [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]; }

# install_packages PACKAGE...: those that are missing, as root or by sudo.
install_packages() {
    local package missing=() as_root=()
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    command -v apt-get >/dev/null || die "needs Debian 12's packages: ${missing[*]}"
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "run as root once, to install: ${missing[*]}"
        as_root=(sudo)
    fi
    (
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
    )
}
