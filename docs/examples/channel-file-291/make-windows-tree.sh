#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Lays out a folder like the system volume of a Windows machine in the outage of 19 July 2024.
#
#   make-windows-tree.sh DIR [both|bad|good]
#
#   both  (default) the bad channel file 291 and the corrected one side by side, as on machines that stayed up long
#         enough to fetch both
#   bad   the bad one only: went down before 05:27 UTC, like most
#   good  the corrected one only: nothing to repair
#
# DIR is made; it must be missing or empty. The channel files 290 and 292 and the drivers are good ones in every case.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
        sed -n '4,14s/^#\( \|$\)//p' "$0" >&2
        exit 2
fi
dir=$1
kind=${2:-both}
case "$kind" in
both | bad | good) ;;
*)
        echo "make-windows-tree.sh: \"$kind\" is neither both, bad nor good" >&2
        exit 2
        ;;
esac
if [ -e "$dir" ] && [ -n "$(ls -A "$dir")" ]; then
        echo "make-windows-tree.sh: $dir is not empty" >&2
        exit 4
fi

drivers=$dir/Windows/System32/drivers
falcon=$drivers/CrowdStrike
mkdir -p "$falcon" "$dir/Windows/System32/config" "$dir/Boot" "$dir/Users/Public"

# put FILE TIME TEXT: a file with a modification time
put() {
        printf '%s\r\n' "$3" >"$1"
        touch -d "$2" "$1"
}
put "$dir/Boot/BCD" 2023-11-02T08:15:00Z "boot configuration"
put "$dir/Windows/System32/ntoskrnl.exe" 2024-07-09T18:00:00Z "kernel"
put "$dir/Windows/System32/config/SYSTEM" 2024-07-19T03:58:00Z "registry hive"
put "$drivers/ntfs.sys" 2024-07-09T18:00:00Z "file system driver"
put "$drivers/tcpip.sys" 2024-07-09T18:00:00Z "network driver"
put "$falcon/csagent.sys" 2024-06-12T10:30:00Z "sensor"
put "$falcon/C-00000290-00000000-00000017.sys" 2024-07-18T21:44:00Z "channel file 290, good"
put "$falcon/C-00000292-00000000-00000009.sys" 2024-07-19T04:31:00Z "channel file 292, good"
if [ "$kind" != good ]; then
        put "$falcon/C-00000291-00000000-00000032.sys" 2024-07-19T04:09:00Z "channel file 291, bad"
fi
if [ "$kind" != bad ]; then
        put "$falcon/C-00000291-00000000-00000033.sys" 2024-07-19T05:27:00Z "channel file 291, corrected"
fi
