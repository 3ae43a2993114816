#!/usr/bin/env bash
# Installs what the tests can use besides Python packages, on Debian and as root; without it they skip.
set -euo pipefail
packages=(
    slurmctld slurmd slurm-client munge # tests/engines: a real Slurm on this machine
)
absent=()
for package in "${packages[@]}"; do
    if ! dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
        absent+=("$package")
    fi
done
if [ "${#absent[@]}" -eq 0 ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, for that needs apt-get and root: ${absent[*]}; the tests that use them skip" >&2
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${absent[@]}" >/dev/null
