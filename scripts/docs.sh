#!/usr/bin/env bash
# Builds the reference of all public names, from their docstrings, in build/docs.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" docs
.venv/bin/python scripts/docs/build.py "$@"
