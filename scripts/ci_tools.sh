#!/usr/bin/env bash
# Installs, where this is root on Debian, the programs that some tests use: h5dump and R with hdf5r to read run
# files, Slurm to run the job scripts, Chromium to open pages. Those tests are skipped where the programs are not there, so that nothing
# here is an error.
packages=()
command -v h5dump >/dev/null || packages+=(hdf5-tools)
Rscript -e 'library(hdf5r)' >/dev/null 2>&1 || packages+=(r-base-core r-cran-hdf5r)
for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || { packages+=(slurmctld slurmd slurm-client munge) && break; }
done
command -v chromium >/dev/null || packages+=(chromium)
if [ ${#packages[@]} -eq 0 ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed: ${packages[*]}; their tests will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >/dev/null; then
    echo "could not be installed: ${packages[*]}; their tests will be skipped" >&2
fi
