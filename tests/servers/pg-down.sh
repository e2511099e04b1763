#!/usr/bin/env bash
# pg-down.sh [--wipe] FOLDER: stops what pg-up.sh started there; --wipe removes the data too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
wipe=""
if [ "${1:-}" = --wipe ]; then wipe=yes; shift; fi
folder=${1:?usage: pg-down.sh [--wipe] FOLDER}
[ -e "$folder/where" ] || exit 0
folder=$(cd "$folder" && pwd -P)
lock_folder "$folder"
data=$(cat "$folder/where")
# INT ends the sessions and writes everything down; an end in order.
end_process "$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" "$data" INT 20
[ -n "$wipe" ] || exit 0
rm -rf "$data"
case $data in
    /tmp/vault-pg.??????/data) rmdir "${data%/data}" ;;
esac
rm -f "$folder"/{where,port,env,initdb.log,start.log,lock}
rmdir "$folder" 2>/dev/null || true
