# SPDX-License-Identifier: Apache-2.0
# The daemon that `make run` starts and `make stop` stops; sourced by bash, never run.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state_file=$var_dir/daemon
data_dir=$var_dir/data
daemon_log=$var_dir/log/daemon.log
# A unix socket's path has 107 characters at most: the run directory is not put below a folder of unknown depth.
run_dir=${SHALLOP_RUN_DIR:-/run/shallop-$(printf '%s' "$root_dir" | cksum | cut -d ' ' -f 1)}
[ "$(id -u)" = 0 ] || run_dir=${SHALLOP_RUN_DIR:-${XDG_RUNTIME_DIR:-/tmp}/shallop-$(id -u)}
mkdir -p "$var_dir/log"

program_sum() { cksum <"$shallop" | cut -d ' ' -f 1; }

# Reads process, ports and program of the daemon that was started last.
read_state() {
    running_pid= running_port= running_admin= running_sum=
    [ ! -f "$state_file" ] || read -r running_pid running_port running_admin running_sum <"$state_file"
}

# True while a process runs; one that has ended and waits for its parent does not.
process_runs() {
    kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# True when that process is there and is a shallop.
daemon_runs() {
    [ -n "$running_pid" ] && process_runs "$running_pid" &&
        [ "$(tr '\0' ' ' <"/proc/$running_pid/cmdline" 2>/dev/null | cut -d ' ' -f 2)" = serve ]
}

# Waits at most twenty seconds until the daemon is ready to take functions.
await_daemon() {
    local tick
    read_state
    for tick in $(seq 1 200); do
        curl -fsS --max-time 2 "http://127.0.0.1:$running_admin/readyz" >/dev/null 2>&1 && return 0
        daemon_runs || return 1
        sleep 0.1
    done
    return 1
}

# SIGTERM, then wait for the daemon to finish what it runs; SIGKILL after a minute.
stop_daemon() {
    local tick
    kill -TERM "$running_pid"
    for tick in $(seq 1 600); do
        process_runs "$running_pid" || { rm -f "$state_file"; return 0; }
        sleep 0.1
    done
    say "the daemon did not stop within a minute: killing it"
    kill -KILL "$running_pid"
    rm -f "$state_file"
}

# The command line client, speaking to that daemon.
client() {
    SHALLOP_URL=http://127.0.0.1:$running_admin SHALLOP_TOKEN_FILE=$data_dir/admin-token "$shallop" "$@"
}
