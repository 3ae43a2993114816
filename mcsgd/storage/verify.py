"""Read every byte of a run's file, or a study's, and compute its statistics again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.ensemble import Ensemble
from mcsgd.errors import FileFormatError
from mcsgd.rows import pieces
from mcsgd.run import Run
from mcsgd.storage.read import load_run, run_of
from mcsgd.storage.schema import STUDY, format_of, open_file
from mcsgd.storage.seal import broken_seal
from mcsgd.storage.studies import load_study
from mcsgd.storage.study_tables import study_arrays
from mcsgd.storage.summary import summary

__all__ = ["Verification", "verify"]


@dataclass(frozen=True)
class Verification:
    """What was looked at in a run's file.

    Attributes
    ----------
    path : Path
    checks : tuple of (str, str)
        What was looked at, and what is wrong with it; nothing, if it is right.
    """

    path: Path
    checks: tuple[tuple[str, str], ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not any(wrong for _, wrong in self.checks)

    def __str__(self) -> str:
        lines = [f"{what}: {wrong or 'right'}" for what, wrong in self.checks]
        return "\n".join([*lines, f"{self.path} is {'whole' if self.passed else 'DAMAGED'}"])


def verify(path: str | os.PathLike[str]) -> Verification:
    """Read a run's file whole: its checksum, ranges, shapes, and statistics against the trajectories.

    Of a study, its statistics and tables against the moments of its points. Memory does not grow with the
    number of trajectories.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is neither, or of a newer format or random stream.
    """
    target = Path(path).expanduser().absolute()
    found = [("checksum of the file", broken_seal(target) if target.is_file() else "")]
    try:
        if format_of(target) == STUDY:
            return Verification(target, (*found, *_study(target)))
        run = load_run(target)
    except FileFormatError as error:
        if "damaged" not in str(error):
            raise
        return Verification(target, (*found, ("datasets and attributes", str(error))))
    found.append(("datasets and attributes", ""))
    try:
        found += _trajectories(run)
        found += _statistics(target, run)
    except (FileFormatError, OSError, KeyError, ValueError, RuntimeError) as error:
        found.append(("trajectories", str(error)))
    return Verification(target, tuple(found))


def _trajectories(run: Run) -> Iterator[tuple[str, str]]:
    """Look whether what diverged is NaN, and nothing else."""
    rows, origin = run.cloud.rows, run.cloud.origin
    if rows is None:
        return
    wrong, tree = "", origin.tree()
    for some in pieces([rows], 0, rows.stop, origin.leaf):
        tree.add(origin.node(some))
        finished = np.isfinite(some.endpoints).all(axis=1)
        strange = np.flatnonzero(finished == (some.status != 0))
        if strange.size and not wrong:
            wrong = f"the status of trajectory {some.first + strange[0]} is not that of its endpoint"
    yield "trajectories and their status", wrong
    again, known = tree.total, run.cloud.moments
    same = again.same(known)
    yield "moments against the trajectories", "" if same else "they are not those of the endpoints"


def _study(path: Path) -> list[tuple[str, str]]:
    """Look whether tables and statistics are those of the points' moments; the moments have no other copy."""
    study = load_study(path)
    with open_file(path, STUDY) as file:
        wrong = [n for n, (_, v, _) in study_arrays(study).items() if not _same(file, n, v)]
        strange = [f"point {i}" for i, group in file["points"].items() if not _same_statistics(group, path)]
    tables, points = (f"{', '.join(names)} differ" if names else "" for names in (wrong, strange))
    return [("datasets and attributes", ""), ("tables against the points", tables), ("points", points)]


def _same_statistics(group: h5py.Group, path: Path) -> bool:
    if "exact" in group:
        return True
    found = summary(run_of(group, path).cloud)
    return all(_same(group["statistics"], name, values) for name, values in found.items())


def _same(group: h5py.Group, name: str, values: NDArray[Any]) -> bool:
    return name in group and bool(group[name][()].tobytes() == values.tobytes())


def _statistics(path: Path, run: Run) -> Iterator[tuple[str, str]]:
    """Look whether the statistics are those of the moments."""
    expected = summary(Ensemble(run.cloud.origin, None, run.cloud.moments))
    with open_file(path) as file:
        group = file["statistics"]
        wrong = [n for n, v in expected.items() if not _same(group, n, v)]
    yield "statistics against the moments", f"{', '.join(wrong)} differ" if wrong else ""
