# SPDX-License-Identifier: Apache-2.0
# Shared by the checks. Each check takes the tree to look at as its first argument (default: the project itself), prints
# one `file:line: what is wrong` per finding, and ends with 0 (clean) or 1 (findings).

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=${1:-$here}

# Lists the files of the tree that match the patterns, relative to it: what git tracks, else what lies there.
list_files() {
        if [ -e "$root/.git" ]; then
                # A tracked file that was just deleted is no longer looked at.
                git -C "$root" ls-files -- "$@" | while read -r file; do
                        [ -f "$root/$file" ] && printf '%s\n' "$file"
                done
        else
                local pattern
                for pattern in "$@"; do
                        (cd "$root" && find . -type f -path "./$pattern" | sed 's|^\./||')
                done | sort -u
        fi
}
