#!/usr/bin/env bash
# rgw-down.sh [--wipe] FOLDER: stops what rgw-up.sh started there; --wipe removes the folder too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
wipe=""
if [ "${1:-}" = --wipe ]; then wipe=yes; shift; fi
folder=${1:?usage: rgw-down.sh [--wipe] FOLDER}
[ -d "$folder" ] || exit 0
folder=$(cd "$folder" && pwd -P)
lock_folder "$folder"
# From the top down: each flushes into the one below it while it ends. The gateway sometimes never
# ends by itself; killing it loses nothing that it had acknowledged.
for daemon in client.rgw:5 osd.0:20 mon.a:20; do
    record=$folder/run/${daemon%:*}.pid
    end_process "$(cat "$record" 2>/dev/null)" "-c $folder/ceph.conf " TERM "${daemon#*:}"
    rm -f "$record"
done
if [ -n "$wipe" ] && [ -e "$folder/ceph.conf" ]; then rm -rf "$folder"; fi
