# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of tools/packages.txt. Sourced by tools/test and tools/demo, which set `top`.

# Says what is missing and how to mend it, and ends.
packages_fail() {
        printf 'salvor: %s\n' "$1" >&2
        printf 'salvor: install them as root: apt-get update && apt-get install -y %s\n' "$2" >&2
        exit 1
}

# Prints the packages of the list that are not installed, in one line. What an installed package provides is there too: a
# Node.js from elsewhere, for one, brings its own npm and bears no other beside it.
packages_missing() {
        local name missing="" present
        present=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' |
                sed -n 's/^installed //p' | tr ',' '\n' | awk 'NF { print $1 }')
        while read -r name _; do
                case "$name" in '' | '#'*) continue ;; esac
                grep -qxF "$name" <<<"$present" || missing+="$name "
        done <"$top/tools/packages.txt"
        printf '%s' "${missing% }"
}

packages_install() {
        command -v dpkg-query >/dev/null || {
                echo "salvor: this needs Debian 12 (or a system with its packages): dpkg-query is missing" >&2
                exit 1
        }
        local missing become=()
        missing=$(packages_missing)
        [ -n "$missing" ] || return 0
        if [ "$(id -u)" -ne 0 ]; then
                command -v sudo >/dev/null || packages_fail "packages are missing, and this is neither root nor has sudo" "$missing"
                become=(sudo)
        fi
        echo "Installing Debian packages: $missing"
        # shellcheck disable=SC2086 # the list is split on purpose
        "${become[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
                'apt-get -q update && apt-get -q -y --no-install-recommends install "$@"' apt $missing >"$1" 2>&1 || {
                tail -n 20 "$1" >&2
                packages_fail "the packages could not be installed (all output: $1)" "$missing"
        }
        missing=$(packages_missing)
        [ -z "$missing" ] || packages_fail "still missing after installation" "$missing"
}
