#!/usr/bin/env bash
# rgw-up.sh FOLDER [PORT]: a real S3 server, made of Debian's Ceph: one monitor, one object store
# daemon on a sparse file, one gateway, all on 127.0.0.1.
#
# Makes it in FOLDER the first time, starts whatever of it is not running after that, and prints the
# `export S3_…` lines that it also leaves in FOLDER/env. Takes PORT (http), PORT+1 (monitor), PORT+2
# (https, certificate in FOLDER/tls.crt) and PORT+10 … PORT+40. Needs ceph-mon, ceph-osd and radosgw;
# without them it ends with status 3. S3_DISK_GB (20): size of the sparse file.
# The keys are fixed and open: this is for tests on one machine, never for evidence.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
folder=${1:?usage: rgw-up.sh FOLDER [PORT]}
port=${2:-7480}
disk_gb=${S3_DISK_GB:-20}
seconds=90
main_key=VAULTTESTKEY00000001 main_secret=vault-test-secret-not-a-secret-000000001
other_key=VAULTTESTKEY00000002 other_secret=vault-test-secret-not-a-secret-000000002
export PATH="$PATH:/usr/sbin:/sbin"
demand_programs ceph-mon ceph-mon ceph-osd ceph-osd radosgw radosgw radosgw-admin radosgw \
    ceph ceph-common monmaptool ceph-common openssl openssl curl curl

mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
conf=$folder/ceph.conf
lock_folder "$folder"
[ ! -e "$folder/port" ] || port=$(cat "$folder/port") # a folder keeps its ports

runs() { is_process "$(cat "$folder/run/$1.pid" 2>/dev/null)" "-c $conf "; }
launch() { # NAME PROGRAM ARGUMENTS ...: in the foreground (-f), so that $! is the daemon itself
    local name=$1
    shift
    setsid "$@" -c "$conf" -f </dev/null >>"$folder/log/$name.out" 2>&1 8>&- &
    echo $! >"$folder/run/$name.pid"
}
await() { # NAME COMMAND ...: until the command succeeds, for as long as daemon NAME lives
    local name=$1 until=$((SECONDS + seconds))
    shift
    while ! "$@" >/dev/null 2>&1; do
        runs "$name" || give_up "$name ended: $(tail -n 4 "$folder/log/$name.out")"
        [ $SECONDS -lt $until ] || give_up "$name is not ready after $seconds s: see $folder/log"
        sleep 0.1
    done
}
to_ceph() { timeout 30 ceph -c "$conf" --connect-timeout 10 "$@"; }
to_gateway() { timeout 60 radosgw-admin -c "$conf" "$@"; }

write_settings() {
    cat >"$conf" <<SETTINGS
[global]
fsid = $1
mon host = [v2:127.0.0.1:$((port + 1))/0]
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv4 = true
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = $((port + 10))
ms bind port max = $((port + 40))
# No cephx on the loopback. The gateway then must be told not to ask for encrypted connections to
# the monitor, which need cephx: without the three crc lines it waits 300 s and ends.
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
client mount timeout = 30
keyring = /dev/null
# One copy of everything and few placement groups; no manager daemon is run.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon warn on insecure global id reclaim allowed = false
mon max pg per osd = 1000
# No unix sockets: their paths may be no longer than 107 bytes.
admin socket =
run dir = $folder/run
crash dir = $folder/crash
log file = $folder/log/\$name.log
log to stderr = false
err to stderr = true
debug ms = 0/0
[mon]
mon data = $folder/mon
mon data avail warn = 2
mon data avail crit = 1
# By default each of the first start's pools waits a second for its turn.
paxos propose interval = 0.05
paxos min wait = 0.01
[osd]
osd data = $folder/osd
osd objectstore = bluestore
osd journal =
bluestore block size = $((disk_gb << 30))
osd memory target = 939524096
osd memory cache min = 67108864
osd crush update on start = true
[client]
rgw data = $folder/run
rgw frontends = beast endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$((port + 2)) ssl_certificate=$folder/tls.crt ssl_private_key=$folder/tls.key
rgw enable apis = s3, admin
rgw crypt require ssl = false
rgw thread pool size = 64
rgw gc obj min wait = 5
rgw gc processor period = 10
rgw gc processor max time = 10
rgw relaxed s3 bucket names = false
debug rgw = 1/1
SETTINGS
}

make_folder() {
    local used id name
    for name in client.rgw osd.0 mon.a; do # of a first start that was cut short
        end_process "$(cat "$folder/run/$name.pid" 2>/dev/null)" "-c $conf " KILL 5
    done
    for used in "$port" $((port + 1)) $((port + 2)); do
        answers "$used" && give_up "port $used is taken"
    done
    rm -rf "$folder"/{mon,osd,log,run,crash,ceph.conf,monmap,env}
    mkdir -p "$folder"/{mon,osd,log,run,crash}
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
        -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' \
        -keyout "$folder/tls.key" -out "$folder/tls.crt" 2>/dev/null
    id=$(cat /proc/sys/kernel/random/uuid)
    write_settings "$id"
    monmaptool --create --clobber --fsid "$id" --addv a "[v2:127.0.0.1:$((port + 1))]" \
        "$folder/monmap" >/dev/null
    ceph-mon -c "$conf" -i a --mkfs --monmap "$folder/monmap" >>"$folder/log/mon.a.out" 2>&1
}

start_store() {
    local before=""
    if [ ! -e "$folder/osd/ready" ]; then
        local id
        id=$(cat /proc/sys/kernel/random/uuid)
        rm -rf "$folder/osd" && mkdir "$folder/osd"
        to_ceph osd new "$id" 0 >/dev/null
        ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$id" >>"$folder/log/osd.0.out" 2>&1 ||
            give_up "ceph-osd: $(tail -n 4 "$folder/log/osd.0.out")"
    fi
    runs osd.0 && return
    before=$(born_at)
    launch osd.0 ceph-osd -i 0
    await osd.0 is_newborn "$before"
}
# After a kill the monitor calls the dead daemon "up" for a while: its epoch must have moved.
born_at() { to_ceph osd dump | sed -n 's/^osd\.0 .*up_from \([0-9]*\).*/\1/p'; }
is_newborn() { to_ceph osd dump | grep -q '^osd\.0 up' && [ "$(born_at)" != "$1" ]; }

make_user() { # NAME KEY SECRET MEGABYTES
    to_gateway user create --uid="$1" --display-name="$1" --access-key="$2" --secret-key="$3" \
        --max-buckets=100000 >/dev/null 2>>"$folder/log/admin.out" ||
        to_gateway user info --uid="$1" >/dev/null 2>&1 ||
        give_up "user $1: $(tail -n 4 "$folder/log/admin.out")"
    # A full disk ends the object store for good; a quota below it is answered with an error.
    to_gateway quota set --quota-scope=user --uid="$1" --max-size="$4M" >/dev/null
    to_gateway quota enable --quota-scope=user --uid="$1" >/dev/null
}

finish_folder() {
    make_user vault "$main_key" "$main_secret" $((disk_gb * 800))
    make_user vault-alt "$other_key" "$other_secret" $((disk_gb * 100))
    cat >"$folder/env" <<ENV
export S3_ENDPOINT=http://127.0.0.1:$port
export S3_TLS_ENDPOINT=https://127.0.0.1:$((port + 2))
export S3_CA_BUNDLE=$folder/tls.crt
export S3_REGION=us-east-1
export S3_ACCESS_KEY=$main_key
export S3_SECRET_KEY=$main_secret
export S3_ALT_ACCESS_KEY=$other_key
export S3_ALT_SECRET_KEY=$other_secret
export CEPH_CONF=$conf
ENV
    echo "$port" >"$folder/port"
}

[ -e "$folder/port" ] || make_folder
runs mon.a || launch mon.a ceph-mon -i a
await mon.a to_ceph -s
start_store
[ -e "$folder/port" ] || finish_folder
if ! runs client.rgw; then
    answers "$port" && give_up "port $port is taken"
    launch client.rgw radosgw -n client.rgw
fi
await client.rgw curl -fsS --noproxy '*' -m 5 "http://127.0.0.1:$port/"
cat "$folder/env"
