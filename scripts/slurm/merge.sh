#!/usr/bin/env bash
#SBATCH --job-name=mcsgd-merge
# Makes one file of what the tasks of a job array have left; fails if a task is missing, and says which.
#
#     sbatch --dependency=afterany:JOB merge.sh RUN.h5 TASKS [COMMAND ...]
#
# COMMAND is what submits the array, for the message. Not afterok, after which nothing would be heard of an
# array with a failed task.
set -euo pipefail
usage="usage: merge.sh RUN.h5 TASKS [COMMAND ...]"
output="${1:?$usage}" tasks="${2:?$usage}"
shift 2

if [ -e "$output.parts" ] || [ ! -e "$output" ]; then # else it has all already
    code=0
    said="$(mcsgd merge "$output" --tasks "$tasks" 2>&1)" || code=$?
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
fi
mcsgd verify "$output"
