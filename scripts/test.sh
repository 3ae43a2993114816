#!/usr/bin/env bash
# Sets up .venv if needed and runs the tests, in up to four processes (-n 0: in this one); arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" test
# What has to compile is to compile in every run: machine code is kept for this one alone.
NUMBA_CACHE_DIR="$(mktemp -d)"
export NUMBA_CACHE_DIR
trap 'rm -rf "$NUMBA_CACHE_DIR"' EXIT
.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile "$@"
