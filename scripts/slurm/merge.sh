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
        echo "$output is not complete. Submit the tasks named above again, for instance task 2 and 5:"
        echo "    ${*@Q} --array=2,5"
        echo "All tasks at once do as well: what is finished is not computed again."
    } >&2
    exit "$code"
fi
mcsgd verify "$output"
