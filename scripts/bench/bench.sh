#!/usr/bin/env bash
# Times mcsgd beside JAX, batched NumPy and a small C kernel (arguments go to run.py); or, with
# "scaling" as the first argument, shows how the cost grows, with "parts" where it goes, with "kept" what it
# costs to keep a run in files and over other processes.
extras=bench
script=run
case "${1:-}" in
scaling | parts)
    script=$1
    shift
    ;;
kept)
    script=$1
    extras=dask,mpi
    shift
    ;;
esac
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh" "$extras"
.venv/bin/python "scripts/bench/$script.py" "$@"
