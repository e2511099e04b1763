#!/usr/bin/env bash
# pg-up.sh FOLDER [PORT]: a PostgreSQL of our own on 127.0.0.1, made in FOLDER the first time and
# started again after that. Prints the lines that it also leaves in FOLDER/env: PG… for libpq,
# DATABASE_URL for the role `vault`, SUPER_DATABASE_URL for the superuser.
#
# Without a PostgreSQL server on this machine it ends with status 3. PostgreSQL refuses to run as
# root: then it runs as the user `postgres`, and where that user may not enter FOLDER its data lie in
# a folder of their own under /tmp, named in FOLDER/where.
# The passwords are fixed and open: this is for tests on one machine, never for evidence.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
folder=${1:?usage: pg-up.sh FOLDER [PORT]}
port=${2:-24329}
role_password=vault-test-only super_password=postgres-test-only
tools=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
export PATH="${tools:+$tools:}$PATH"
demand_programs initdb postgresql postgres postgresql psql postgresql

mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
lock_folder "$folder"
[ ! -e "$folder/port" ] || port=$(cat "$folder/port")

as_server() { # in / because the other user may not be allowed to stay where we are
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- env PATH="$PATH" "$@" 8>&-)
    else
        (cd / && "$@" 8>&-)
    fi
}

choose_place() {
    local data=$folder/data
    if [ "$(id -u)" -eq 0 ]; then
        id postgres >/dev/null 2>&1 || give_up "there is no user postgres"
        if ! as_server test -x "$folder"; then
            data=$(mktemp -d /tmp/vault-pg.XXXXXX)
            chmod 755 "$data"
            data=$data/data
        fi
        install -d -m 700 -o postgres "$data"
    else
        install -d -m 700 "$data"
    fi
    echo "$data" >"$folder/where"
}

make_cluster() {
    local secret
    find "$data" -mindepth 1 -delete # of a first start that was cut short
    secret=$(mktemp /tmp/vault-pg.XXXXXX)
    echo "$super_password" >"$secret"
    [ "$(id -u)" -ne 0 ] || chown postgres "$secret"
    as_server initdb -D "$data" -U postgres -A scram-sha-256 --pwfile="$secret" -E UTF8 \
        --locale=C.UTF-8 --data-checksums --no-sync >"$folder/initdb.log" 2>&1 ||
        { rm -f "$secret"; give_up "initdb: $(tail -n 4 "$folder/initdb.log")"; }
    rm -f "$secret"
}

start_server() {
    is_process "$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" "$data" && return
    # After a kill PostgreSQL takes a number that was given to somebody else, or a dead process that
    # nobody waited for, for a running server. Its children get a moment to end.
    if [ -e "$data/postmaster.pid" ]; then sleep 1; rm -f "$data/postmaster.pid"; fi
    answers "$port" && give_up "port $port is taken"
    as_server pg_ctl -D "$data" -w -t 60 -l "$data/server.log" -o "-p $port \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=100 \
        -c timezone=UTC -c log_timezone=UTC -c shared_buffers=128MB ${PG_OPTS:-}" \
        start </dev/null >"$folder/start.log" 2>&1 ||
        give_up "no start: $(tail -n 4 "$folder/start.log" "$data/server.log" 2>/dev/null)"
}

make_role() {
    PGPASSWORD=$super_password psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" \
        -U postgres -d postgres >/dev/null <<SQL
CREATE ROLE vault LOGIN PASSWORD '$role_password';
CREATE DATABASE vault OWNER vault;
SQL
    cat >"$folder/env" <<ENV
export PGHOST=127.0.0.1 PGPORT=$port PGUSER=vault PGPASSWORD=$role_password PGDATABASE=vault
export DATABASE_URL=postgresql+psycopg://vault:$role_password@127.0.0.1:$port/vault
export SUPER_DATABASE_URL=postgresql+psycopg://postgres:$super_password@127.0.0.1:$port/postgres
ENV
    echo "$port" >"$folder/port"
}

[ -e "$folder/where" ] || choose_place
data=$(cat "$folder/where")
if [ ! -e "$folder/port" ]; then
    end_process "$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" "$data" QUIT 10
    make_cluster
fi
start_server
[ -e "$folder/port" ] || make_role
cat "$folder/env"
