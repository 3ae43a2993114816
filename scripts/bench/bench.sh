#!/usr/bin/env bash
# Times mcsgd beside JAX, batched NumPy and a small C kernel (arguments go to run.py); or, with
# "scaling" as the first argument, shows how the cost grows, with "parts" where it goes.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh" bench
script=run
if [ "${1:-}" = scaling ] || [ "${1:-}" = parts ]; then
    script=$1
    shift
fi
.venv/bin/python "scripts/bench/$script.py" "$@"
