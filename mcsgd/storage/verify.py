"""Read every byte of a run's file, and compute its statistics again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcsgd.ensemble import Ensemble
from mcsgd.errors import FileFormatError
from mcsgd.rows import pieces
from mcsgd.run import Run
from mcsgd.storage.read import load
from mcsgd.storage.schema import open_file
from mcsgd.storage.seal import broken_seal
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

    Memory does not grow with the number of trajectories.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is not a run, or of a newer format or random stream.
    """
    target = Path(path).expanduser().absolute()
    found = [("checksum of the file", broken_seal(target) if target.is_file() else "")]
    try:
        run = load(target)
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


def _statistics(path: Path, run: Run) -> Iterator[tuple[str, str]]:
    """Look whether the statistics are those of the moments."""
    expected = summary(Ensemble(run.cloud.origin, None, run.cloud.moments))
    with open_file(path) as file:
        group = file["statistics"]
        wrong = [n for n, v in expected.items() if n not in group or group[n][()].tobytes() != v.tobytes()]
    yield "statistics against the moments", f"{', '.join(wrong)} differ" if wrong else ""
