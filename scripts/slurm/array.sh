#!/usr/bin/env bash
#SBATCH --job-name=mcsgd
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@60
# A job array: each task computes one of TASKS shares of an experiment's trajectories, or of a study's work.
#
#     sbatch --array=0-99 array.sh run EXPERIMENT.toml RUN.h5 100
#     sbatch --array=0-99 array.sh study EXPERIMENT.toml STUDY.h5 100
#
# TASKS is said, for Slurm cannot tell: if task 7 is submitted again alone, it counts one task.
# A task is told 60 s before its time limit (USR1), keeps what is finished and queues itself again, at most
# MCSGD_REQUEUES times (20 if not set). Cancelled or preempted (TERM), it keeps what is finished.
set -euo pipefail

usage="usage: sbatch --array=0-(TASKS-1) array.sh run|study EXPERIMENT.toml OUT.h5 TASKS"
command="${1:?$usage}" experiment="${2:?$usage}" output="${3:?$usage}" tasks="${4:?$usage}"
task="${SLURM_ARRAY_TASK_ID:?$usage}"

# Compiled code stays on the node: on a network file system, tasks that write it at once may clash.
if [ -z "${NUMBA_CACHE_DIR:-}" ]; then
    NUMBA_CACHE_DIR="${TMPDIR:-/tmp}/mcsgd-$(id -u)"
    (umask 077 && mkdir -p "$NUMBA_CACHE_DIR")
    if [ ! -O "$NUMBA_CACHE_DIR" ]; then # numba runs what it finds there: not another user's
        NUMBA_CACHE_DIR="$(mktemp -d)"
    fi
fi
export NUMBA_CACHE_DIR
mkdir -p "$NUMBA_CACHE_DIR"

{
    # Where several tasks start on one node, one compiles and the others wait for it.
    flock "$NUMBA_CACHE_DIR/warmup.lock" mcsgd warmup "$experiment"
    exec mcsgd "$command" "$experiment" -o "$output" --task "$task/$tasks" \
        --workers "${SLURM_CPUS_PER_TASK:-1}"
} &
work=$!
told="" out_of_time=""
trap 'told=yes' TERM # Slurm tells mcsgd as well; told twice, that would end at once
trap 'told=yes; out_of_time=yes; kill -TERM "$work" || true' USR1

code=0
wait "$work" || code=$?
while [ -n "$told" ]; do # a trap has ended wait; the work may take a little longer
    told="" code=0
    wait "$work" || code=$?
done

if [ -n "$out_of_time" ] && [ "$code" -ne 0 ]; then
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "${MCSGD_REQUEUES:-20}" ]; then
        echo "error: task $task/$tasks has queued again $SLURM_RESTART_COUNT times and is not finished" >&2
        exit 1
    fi
    echo "task $task/$tasks is out of time: what is finished is kept, and it queues again" >&2
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
