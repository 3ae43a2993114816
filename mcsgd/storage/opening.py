"""Open a file, whatever of ours it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mcsgd.run import Run
from mcsgd.storage.read import load_run
from mcsgd.storage.schema import STUDY, format_of

if TYPE_CHECKING:
    from mcsgd.studies.study import Study

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Run | Study:
    """Open what is in a file of mcsgd: a run, or a study. Needs no numba and compiles nothing.

    Endpoints of a run, and all else that is as long as there are trajectories, are read when they are first
    asked for: a file may be larger than the memory.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is none of mcsgd, is damaged, or was written by a newer major version.
    """
    if format_of(Path(path).expanduser()) != STUDY:
        return load_run(path)
    from mcsgd.storage.studies import load_study  # which needs scipy, and a run does not

    return load_study(path)
