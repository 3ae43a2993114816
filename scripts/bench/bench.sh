#!/usr/bin/env bash
# Times mcsgd beside JAX, batched NumPy and a small C kernel; arguments go to run.py.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh" bench
.venv/bin/python scripts/bench/run.py "$@"
