#!/usr/bin/env bash
# Stands in for Python in the tests of run_all.sh: notes how it is called, installs nothing.
printf '%s\n' "$*" >>"$FAKE_LOG"
case "$*" in
    "-c import sys"*) echo "${FAKE_VERSION:-3.12}" ;;
    "-c import ensurepip"*) exit "${FAKE_NO_VENV:-0}" ;;
    "-c import google"*) exit 1 ;;
    "-c import fcntl"* | "- "*) exec "$FAKE_REAL" "$@" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-P -c import cxr_helpers"*) exit 1 ;;
    *" --editable "*"[test]") exit "${FAKE_NO_NETWORK:-0}" ;;
    *" --editable "*) [ -d "${!#}" ] ;; # the path must arrive in one piece
    "-m pip install"*uv.txt) exit "${FAKE_NO_UV:-0}" ;;
    "-m pip install"*lock.txt | "-m uv pip install"*) exit "${FAKE_NO_NETWORK:-0}" ;;
esac
