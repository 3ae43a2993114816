#!/usr/bin/env bash
#SBATCH --job-name=mcsgd-merge
# Makes one file of what the tasks of a job array have left; fails if a task is missing, and says which.
#
#     sbatch --dependency=afterany:JOB merge.sh RUN.h5 [COMMAND ...]
#
# COMMAND is what submits the array again, for the message. Not afterok, after which nothing would be
# heard of an array with a failed task.
set -euo pipefail
output="${1:?usage: merge.sh RUN.h5 [COMMAND ...]}"
shift

code=0
mcsgd merge "$output" || code=$?
if [ "$code" -ne 0 ]; then
    {
        echo "$output is not complete. For tasks 2 and 5, say, submit again:"
        printf '   '
        printf ' %q' "$@" --array=2,5
        printf '\nWithout --array all do; what is finished is not computed again.\n'
    } >&2
    exit "$code"
fi
mcsgd verify "$output"
