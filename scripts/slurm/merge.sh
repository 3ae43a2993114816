#!/usr/bin/env bash
#SBATCH --job-name=mcsgd-merge
# Makes one file of what the tasks of a job array have left; fails if a task is missing, and says which.
#
#     sbatch --dependency=afterany:JOB merge.sh run|study EXPERIMENT.toml OUT.h5 TASKS [AGAIN ...]
#
# AGAIN is the command that submits the array, for the message. Not afterok, after which nothing would be heard
# of an array with a failed task.
set -euo pipefail
usage="usage: merge.sh run|study EXPERIMENT.toml OUT.h5 TASKS [AGAIN ...]"
command="${1:?$usage}" experiment="${2:?$usage}" output="${3:?$usage}" tasks="${4:?$usage}"
shift 4

join=(mcsgd merge "$output" --tasks "$tasks")
if [ "$command" = study ]; then # which compiles a little: see array.sh
    join=(mcsgd study "$experiment" -o "$output" --tasks "$tasks" --quiet)
    if [ -z "${NUMBA_CACHE_DIR:-}" ]; then
        NUMBA_CACHE_DIR="$(mktemp -d)"
        export NUMBA_CACHE_DIR
        trap 'rm -rf "$NUMBA_CACHE_DIR"' EXIT
    fi
fi

code=0
said="$("${join[@]}" 2>&1)" || code=$? # nothing to do where the output has it all
echo "$said"
if [ "$code" -ne 0 ]; then
    late="$(tr '\n' ' ' <<<"$said" | sed -n 's/.*these are not done: \([0-9, ]*[0-9]\).*/\1/p')"
    if [ -n "$late" ]; then
        echo "Submit them again:"
        printf '%q ' "$@" "--array=${late//, /,}"
        echo
    fi
    exit "$code"
fi
mcsgd verify "$output"
