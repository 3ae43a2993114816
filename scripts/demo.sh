#!/usr/bin/env bash
# The main job on real data: sets up .venv, runs the experiment, prints the verdict, draws the cloud, writes a page.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" plot
run=runs/breast_cancer.h5
if [ -e "$run" ]; then
    echo "$run is there already: comparing and drawing it again"
    .venv/bin/mcsgd compare "$run"
else
    .venv/bin/mcsgd run data/breast_cancer.toml -o "$run"
fi
.venv/bin/mcsgd plot "$run" --force
.venv/bin/mcsgd report "$run" --force
