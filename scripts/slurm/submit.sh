#!/usr/bin/env bash
# Submits a job array for an experiment, and a job that makes one file of its results.
#
#     bash submit.sh EXPERIMENT.toml RUN.h5 TASKS [sbatch options of the array]
#
# for instance: ... 100 --cpus-per-task=8 --time=4:00:00. The mcsgd on the PATH is used. The account and the
# partition, for both jobs: SBATCH_ACCOUNT, SBATCH_PARTITION. With --array=2,5 those tasks only.
set -euo pipefail

if [ "$#" -lt 3 ] || [[ ! "$3" =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: submit.sh EXPERIMENT.toml RUN.h5 TASKS [sbatch options]" >&2
    exit 2
fi
here="$(dirname "${BASH_SOURCE[0]}")"
experiment="$1" output="$2" tasks="$3"
shift 3
if [ ! -f "$experiment" ]; then
    echo "error: there is no $experiment" >&2
    exit 2
fi
if ! command -v mcsgd >/dev/null; then
    echo "error: no mcsgd on the PATH; activate the environment that has it" >&2
    exit 2
fi

array="$(sbatch --parsable --array="0-$((tasks - 1))" "$@" "$here/array.sh" "$experiment" "$output" "$tasks")"
array="${array%%;*}" # a cluster's name may follow
again=(bash "${BASH_SOURCE[0]}" "$experiment" "$output" "$tasks" "$@")
merge="$(sbatch --parsable --dependency="afterany:$array" "$here/merge.sh" "$output" "$tasks" "${again[@]}")"
merge="${merge%%;*}"
cat <<END
array $array
merge $merge
When job $merge has ended well, $output is there. If it fails, its log (slurm-$merge.out) names the missing tasks.
Cancel: scancel $array $merge. What is finished is kept, and the same command goes on from there.
END
