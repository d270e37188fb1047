#!/usr/bin/env bash
# Sets up what is missing, then makes the report (or, as `run_all.sh test`, runs the tests).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${CXR_VENV:-$root/.venv}"
case "$venv" in /*) ;; *) venv="$PWD/$venv" ;; esac
stamp="$venv/cxr-stamp"
readers=requirements.lock.txt
testers=requirements.test.lock.txt

usage() {
    cat <<'USAGE'
./run_all.sh [--profile auto|smoke|full] [--supplement] [--retrain] [--cores N] [--only CHAPTER]
./run_all.sh test [PYTEST ARGUMENTS]

Sets itself up, then makes the report; run again, it does only what is out of date.

  --profile   full: the real chest X-rays; smoke: synthetic images, in minutes;
              auto (default): full where the real set is found or can be downloaded, else smoke
  --supplement
              make the supplement of the synthetic images, too; that of the real ones is always made
  --retrain   train the models afresh instead of loading their run records
  --cores     how many processor cores to use (default: all)
  --only      make one chapter of either, given by number or name: 05, mobilenet or 05_mobilenet
  test        run the tests instead

Variables: CXR_DATA_DIR (the real set), CXR_WEIGHTS_DIR (ImageNet weights), CXR_VENV (where the virtual
environment goes), CXR_PYTHON (which Python to use), CXR_KEEP_ENV=1 (install into the present Python); README.md has the rest.
USAGE
}

fail() { # sentence, exit status
    printf 'run_all.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$1"; }

check_flags() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --retrain | --supplement) ;;
            --profile | --cores | --only)
                [ $# -ge 2 ] || fail "$1 needs a value; see --help." 2
                check_value "$1" "$2"
                shift
                ;;
            --profile=* | --cores=* | --only=*) check_value "${1%%=*}" "${1#*=}" ;;
            *) fail "$1 is unknown; see --help." 2 ;;
        esac
        shift
    done
}

check_value() { # flag, value
    case "$1 $2" in
        "--profile auto" | "--profile smoke" | "--profile full") ;;
        "--profile "*) fail "--profile is auto, smoke or full, not '$2'." 2 ;;
        "--cores "*[!0-9]* | "--cores " | "--cores 0") fail "--cores is a whole number from 1, not '$2'." 2 ;;
        "--only ") fail "--only needs a chapter's number or name; see --help." 2 ;;
    esac
}

find_python() { # candidates; prints the first that is Python 3.11, 3.12 or 3.13
    local candidate version seen=""
    for candidate in "$@"; do
        version="$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" || continue
        case "$version" in
            3.11 | 3.12 | 3.13)
                command -v "$candidate"
                return
                ;;
        esac
        seen="${seen:-Python $version was found at $(command -v "$candidate")}"
    done
    fail "${seen:-no Python was found}; install 3.11, 3.12 or 3.13."
}

on_colab() { [ -n "${COLAB_RELEASE_TAG:-}" ] || python3 -c 'import google.colab' 2>/dev/null; }

fingerprint() { # python, lock; prints what the installed packages depend on, in one word
    "$1" - "$root" "$venv" "$2" <<'PYTHON'
import hashlib, pathlib, sys

root, venv, lock = sys.argv[1:]
digest = hashlib.sha256(f"{sys.version_info[:2]} {root} {venv}".encode())
for name in ("pyproject.toml", lock):
    digest.update(pathlib.Path(root, name).read_bytes())
print(digest.hexdigest())
PYTHON
}

# A line of the stamp for each lock that is installed; that of the tests holds what readers need.
installed() { # lock
    local wanted
    [ -f "$stamp" ] && wanted="$(fingerprint "$venv/bin/python" "$1" 2>/dev/null)" || return
    case "$(cat "$stamp")" in *"$wanted"*) ;; *) return 1 ;; esac
}

make_venv() { # python
    "$1" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$1 has no venv module; install it (Debian and Ubuntu: apt install python3-venv) and run again."
    rm -rf "$venv"
    mkdir -p "$venv"
    echo unfinished >"$stamp"
    "$1" -m venv "$venv"
}

install_packages() {
    local lock="$root/$1" quiet=""
    [ -t 2 ] || quiet="--quiet" # progress bars only where someone watches
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    # uv is several times faster; whatever keeps it from working (a mirror only pip knows, say), pip is there.
    "$venv/bin/python" -m pip install --quiet --require-hashes -r "$root/requirements.uv.txt" &&
        "$venv/bin/python" -m uv pip install $quiet --python "$venv/bin/python" --compile-bytecode --require-hashes -r "$lock" ||
        "$venv/bin/python" -m pip install $quiet --require-hashes -r "$lock" ||
        fail "the packages could not be installed (the reason stands above); check the network and run again."
    "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable "$root"
}

set_up() { # lock
    local base started=$SECONDS
    installed "$1" && return
    if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -f "$stamp" ]; then
        fail "$venv was not made by run_all.sh; move it away, or set CXR_VENV to another folder."
    fi
    local PATH="${PATH//"$venv/bin:"/}" # where the environment is active: its own Python goes with it
    base="$(find_python ${CXR_PYTHON:+"$CXR_PYTHON"} python3 python3.13 python3.12 python3.11 python)"
    mkdir -p "$(dirname "$venv")"
    exec 9>"$venv.lock" # held by this shell and the installers it starts; it falls with them, however they end
    "$base" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null ||
        fail "another run_all.sh is setting up $venv; wait for it, then run again."
    if installed "$1"; then # by another one, just before this was alone
        exec 9>&-
        return
    fi
    say "setting up $venv with $base"
    installed "$readers" || make_venv "$base" # what readers have, the tests add to
    install_packages "$1"
    for lock in "$readers" "$1"; do
        fingerprint "$venv/bin/python" "$lock"
    done >"$stamp"
    exec 9>&-
    say "set up in $((SECONDS - started)) s"
}

add_to() { # python, extras; installs into it what it lacks, and moves nothing that it has unless it must
    [ -z "$2" ] && "$1" -P -c 'import cxr_helpers, sys; sys.exit(not cxr_helpers.__file__.startswith(sys.argv[1]))' "$root/" 2>/dev/null &&
        return
    say "installing into the present Python what it lacks"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    "$1" -m pip install --quiet --constraint <("$1" -m pip list --format=freeze --exclude-editable) --editable "$root$2" ||
        "$1" -m pip install --quiet --editable "$root$2" ||
        fail "the packages could not be installed (the reason stands above); check the network and run again."
}

main() {
    local command=report extras="" lock="$readers"
    case "${1:-}" in
        -h | --help | help)
            usage
            return
            ;;
        test)
            command="test" extras="[test,backends]" lock="$testers"
            shift
            ;;
        *) check_flags "$@" ;;
    esac
    if [ -n "${CXR_KEEP_ENV:-}" ] || on_colab; then
        python="$(find_python ${CXR_PYTHON:+"$CXR_PYTHON"} python3)"
        add_to "$python" "$extras"
    else
        set_up "$lock"
        python="$venv/bin/python"
    fi
    exec "$python" -P -m cxr_helpers "$command" "$@"
}

main "$@"
