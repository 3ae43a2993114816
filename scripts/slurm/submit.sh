#!/usr/bin/env bash
# Submits a job array for a run or a study, and a job that makes one file of its results.
#
#     bash submit.sh run EXPERIMENT.toml RUN.h5 TASKS [sbatch options of the array]
#     bash submit.sh study EXPERIMENT.toml STUDY.h5 TASKS [sbatch options of the array]
#
# for instance: ... 100 --cpus-per-task=8 --time=4:00:00. The mcsgd on the PATH is used. The account and the
# partition, for both jobs: SBATCH_ACCOUNT, SBATCH_PARTITION. With --array=2,5 those tasks only.
set -euo pipefail

if [ "$#" -lt 4 ] || [[ ! "$1" =~ ^(run|study)$ ]] || [[ ! "$4" =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: submit.sh run|study EXPERIMENT.toml OUT.h5 TASKS [sbatch options]" >&2
    exit 2
fi
here="$(dirname "${BASH_SOURCE[0]}")"
command="$1" experiment="$2" output="$3" tasks="$4"
shift 4
if [ ! -f "$experiment" ]; then
    echo "error: there is no $experiment" >&2
    exit 2
fi
if ! command -v mcsgd >/dev/null; then
    echo "error: no mcsgd on the PATH; activate the environment that has it" >&2
    exit 2
fi

work=("$command" "$experiment" "$output" "$tasks")
array="$(sbatch --parsable --array="0-$((tasks - 1))" "$@" "$here/array.sh" "${work[@]}")"
array="${array%%;*}" # a cluster's name may follow
again=(bash "${BASH_SOURCE[0]}" "${work[@]}" "$@")
merge="$(sbatch --parsable --dependency="afterany:$array" "$here/merge.sh" "${work[@]}" "${again[@]}")"
merge="${merge%%;*}"
cat <<END
array $array
merge $merge
When job $merge has ended well, $output is there. If it fails, its log (slurm-$merge.out) names the missing tasks.
Cancel: scancel $array $merge. What is finished is kept, and the same command goes on from there.
END
