# Shared by the four scripts beside it; sourced, never run. All of it works as root or not, without
# systemd, and leaves nothing outside the folder it is given (PostgreSQL as root: see pg-up.sh).

complain() { echo "$(basename "$0"): $*" >&2; }
give_up() { complain "$@"; exit 1; }

# present PROGRAM PACKAGE ...: ends with status 3, naming the packages, when a program is absent.
demand_programs() {
    local absent=""
    while [ $# -gt 0 ]; do
        command -v "$1" >/dev/null 2>&1 || absent="$absent $2"
        shift 2
    done
    if [ -n "$absent" ]; then
        complain "not installed:$absent (apt-get install$absent)"
        exit 3
    fi
}

# One script at a time works on a folder. Descriptor 8 is closed for every daemon: one that
# inherited it would hold the lock for as long as it lives.
lock_folder() {
    exec 8>"$1/lock"
    flock -w 120 8 || give_up "somebody else works on $1"
}

answers() { (exec 4<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# is_process PID TEXT: a living process whose command line holds TEXT. Numbers are used again, and
# a dead child that nobody waited for still answers to signals, but has no command line.
is_process() {
    [ -n "$1" ] && tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$2"
}

# end_process PID TEXT SIGNAL SECONDS: ask, wait, and kill it if it does not end.
end_process() {
    is_process "$1" "$2" || return 0
    kill "-$3" "$1" 2>/dev/null || true
    local left=$(($4 * 10))
    while is_process "$1" "$2"; do
        if [ "$left" -eq 0 ]; then
            complain "process $1 does not end, killing it"
            kill -KILL "$1" 2>/dev/null || true
        fi
        [ "$left" -gt -50 ] || give_up "process $1 can't be ended"
        left=$((left - 1))
        sleep 0.1
    done
}
