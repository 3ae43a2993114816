#!/usr/bin/env bash
# Sets up .venv if needed and runs the tests; arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" test
# Numba can run stale code from its disk cache after an edit of a callee: a fresh cache every run.
NUMBA_CACHE_DIR="$(mktemp -d)"
export NUMBA_CACHE_DIR
trap 'rm -rf "$NUMBA_CACHE_DIR"' EXIT
.venv/bin/python -m pytest "$@"
