#!/usr/bin/env bash
# Sets up .venv if needed and makes the gallery; arguments go to run.py: [--size 0.1] [-o FOLDER] [NAME ...]
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh" plot
.venv/bin/python scripts/gallery/run.py "$@"
