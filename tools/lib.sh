# SPDX-License-Identifier: Apache-2.0
# Words shared by the scripts of this folder; sourced by bash, never run.

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
var_dir=${SHALLOP_VAR:-$root_dir/var}
build_dir=${SHALLOP_BUILD:-$root_dir/build/release}
shallop=${SHALLOP_BIN:-$build_dir/shallop}
base_image=debian:bookworm-slim

say() { printf '==> %s\n' "$*"; }

# die WHAT [WHAT-TO-DO]...
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    local line
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

# Runs a command as root: directly, or through sudo where there is one.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this step needs root: $*" "run it as root, or install sudo"
    fi
}

# Runs a command with its output in a log file; shows the end of the log when it fails.
logged() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    if ! "$@" >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        printf 'error: failed: %s\n       the whole output is in %s\n' "$*" "$log" >&2
        return 1
    fi
}

# The address of the engine, as the daemon would choose it.
engine_address() { printf '%s' "${DOCKER_HOST:-unix:///var/run/docker.sock}"; }

# True when an engine answers a ping within three seconds.
engine_answers() {
    local address
    address=$(engine_address)
    case $address in
    unix://*)
        [ -S "${address#unix://}" ] || return 1
        if command -v curl >/dev/null; then
            curl -fsS --max-time 3 --unix-socket "${address#unix://}" http://engine/_ping >/dev/null 2>&1
        else
            timeout 3 docker version >/dev/null 2>&1
        fi
        ;;
    tcp://*)
        if [ -z "${DOCKER_TLS_VERIFY:-}" ] && command -v curl >/dev/null; then
            curl -fsS --max-time 3 "http://${address#tcp://}/_ping" >/dev/null 2>&1
        else
            timeout 5 docker version >/dev/null 2>&1
        fi
        ;;
    *) timeout 10 docker version >/dev/null 2>&1 ;;
    esac
}

# `docker build` with this machine's proxy settings, if it has any; the output goes to a log.
# image_build TAG FOLDER [ARGUMENT]...
image_build() {
    local tag=$1 folder=$2 name proxy
    shift 2
    local arguments=()
    for name in http_proxy https_proxy no_proxy; do
        proxy=${!name:-}
        [ -n "$proxy" ] && arguments+=(--build-arg "$name=$proxy")
    done
    logged "$var_dir/log/image-${tag//[:\/]/-}.log" \
        docker build --force-rm -t "$tag" "${arguments[@]}" "$@" "$folder"
}
