"""A study kept in a file: see what is there, measure what is missing, and put it together.

The directory STUDY.h5.parts has, until the study is complete, study.json (of which experiment it is, and its
points) and a file for each point that is done or under way: of Monte Carlo, an ordinary run's file, made as
`mcsgd.filling` makes any, with a directory of parts of its own; of an exact mean, the point itself.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any, cast

from mcsgd.errors import FileFormatError, IncompleteError, McsgdError, McsgdWarning
from mcsgd.filling import Means, run_to_file
from mcsgd.production import Simulation
from mcsgd.progress import Progress
from mcsgd.run import Run
from mcsgd.stopping import interruptible
from mcsgd.storage.identity import SECTIONS, differences, refusal
from mcsgd.storage.nodes import nodes_of
from mcsgd.storage.output import new_file
from mcsgd.storage.parts import Parts
from mcsgd.storage.read import load_run
from mcsgd.storage.schema import FORMAT
from mcsgd.storage.seal import broken_seal
from mcsgd.storage.studies import (
    Stored,
    load_study,
    read_found,
    read_point,
    stored_points,
    write_point,
    write_study,
)
from mcsgd.storage.write import write_run
from mcsgd.studies.found import Found, PointResult
from mcsgd.studies.job import Job
from mcsgd.studies.study import Study
from mcsgd.theory import FIELDS

__all__ = ["study_to_file"]


def study_to_file(job: Job, target: Path, report: Progress) -> Study:
    """Bring a study's file to hold all points that are wanted, and return the study.

    Raises
    ------
    OutputExistsError
        If what is at `target`, or was begun there, has points that are not wanted.
    FileFormatError
        If what is at `target` is not a study, or is damaged.
    IncompleteError
        If the time was over.
    BusyError, WriteError, KeyboardInterrupt
        As `mcsgd.filling.run_to_file`.
    """
    parts = Parts(target)
    with parts.locked(), interruptible() as interruption:
        keeping = Keeping(job, parts)
        if (study := keeping.finished()) is not None:
            keeping.clean()
            return study
        keeping.begin()
        for i in range(len(job.grid.points)):
            if interruption.asked:
                raise KeyboardInterrupt(keeping.unfinished(i, "interrupted"))
            if job.rules.out_of_time:
                raise IncompleteError(keeping.unfinished(i, "the time was over"))
            tell = job.progress(i, report)
            keeping.measure(i, tell)
            tell(1, 1)
        return keeping.write()


class Keeping:
    """What there is of a study, and how the rest comes to be."""

    def __init__(self, job: Job, parts: Parts) -> None:
        self.job, self.parts, self.folder = job, parts, parts.folder
        self.keys = [origin.fingerprint for origin in job.origins]
        self._list = self.folder / "study.json"
        there = stored_points(parts.target) if parts.target.exists() else []
        self.there = {point.fingerprint: point for point in there}
        self._check_same()

    def _check_same(self) -> None:
        """Raise OutputExistsError if there are points that are not wanted."""
        wanted, exact = set(self.keys), self.job.grid.exact
        other = exact != "auto" and any(point.exact != exact for point in self.there.values())
        if other or not self.there.keys() <= wanted:
            self._refuse(self.parts.target, load_study(self.parts.target).experiment)
        if self._list.exists():
            try:
                begun = json.loads(self._list.read_text(encoding="utf-8"))
                known, tables = set(begun["points"]), begun["experiment"]
            except (ValueError, KeyError, TypeError, OSError) as error:
                raise FileFormatError(f"{self._list} is damaged: {error}") from None
            if not known <= wanted:
                self._refuse(self.folder, tables)

    def _refuse(self, where: Path, there: Any) -> None:
        here = {**self.job.tables, "study": self.job.grid.as_table()}
        found = differences(there, here, (*SECTIONS, "study"))
        raise refusal(where, found or ["the data of the problem, or the start"])

    def finished(self) -> Study | None:
        """Return the study in the file, if it has all that is wanted, in its order."""
        if list(self.there) != self.keys or not all(map(self._enough, range(len(self.keys)))):
            return None
        study = load_study(self.parts.target)
        return study if study.axes == self.job.grid.axes else None

    def _enough(self, i: int) -> bool:
        """Whether the study's file has a point with all that is wanted of it."""
        point, stored = self.job.grid.points[i], self.there.get(self.keys[i])
        if stored is None or not set(point.fields) <= set(stored.fields):
            return False
        return stored.exact or stored.count >= point.settings.trajectories

    def begin(self) -> None:
        """Note what is begun."""
        tables = {**self.job.tables, "study": self.job.grid.as_table()}
        with new_file(self._list, replace=True) as temporary:
            temporary.write_text(json.dumps({"experiment": tables, "points": self.keys}), encoding="utf-8")

    def measure(self, i: int, report: Progress) -> None:
        """Measure a point, unless it is there."""
        if self._enough(i):
            return
        stored, part = self.there.get(self.keys[i]), self._part(i)
        more = () if stored is None else stored.fields
        self._look_at(part)
        if self._exact(i):
            if not part.exists():
                write_point(part, self.job.exact(i, more))
            return
        if stored is not None and not part.exists():
            found = read_found(self.parts.target, stored.index)
            write_run(part, found.run, tree=found.run.cloud.origin.tree(found.nodes))
        self._run(i, part, more, report)

    def _exact(self, i: int) -> bool:
        """Whether the mean of a point is exact: as it is in the study's file already, if it is there."""
        stored = self.there.get(self.keys[i])
        return self.job.simulations[i] is None if stored is None else stored.exact

    def _run(self, i: int, part: Path, more: tuple[str, ...], report: Progress) -> None:
        """Bring the run of a point to have all trajectories."""
        job = self.job

        def complete(known: Run | None) -> Run:
            return job.head(i, known, more)

        means = Means(job.workers, report, job.rules, executor=job.executor)
        try:
            run = run_to_file(cast(Simulation, job.simulations[i]), part, job.blank(i), complete, means)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self.unfinished(i, "interrupted")) from None
        except McsgdError:
            if job.rules.out_of_time:
                raise IncompleteError(self.unfinished(i, "the time was over")) from None
            raise
        if cast(Run, run).stopped_by == "time":
            raise IncompleteError(self.unfinished(i, "the time was over"))

    def _part(self, i: int) -> Path:
        return self.folder / f"{'exact' if self._exact(i) else 'point'}-{self.keys[i][:32]}.h5"

    def _look_at(self, part: Path) -> None:
        """Set a damaged part aside, with a warning that names it: its point is then measured again."""
        reason = broken_seal(part) if part.exists() else ""
        if reason:
            aside = part.with_name(f"bad-{part.name}")
            os.replace(part, aside)
            text = (
                f"{part} is damaged: {reason}. It was set aside as {aside.name}; its point is measured again"
            )
            warnings.warn(text, McsgdWarning, stacklevel=2)

    def unfinished(self, i: int, reason: str) -> str:
        """Say how far it came, and how to go on."""
        done = f"{reason} with {i} of {len(self.keys)} points done"
        return f"{done}, which are kept in {self.folder}: the same command goes on from there"

    def write(self) -> Study:
        """Write the file, and remove the parts that are in it."""
        target, points = self.parts.target, self.job.grid.points
        there = {name for stored in self.there.values() for name in stored.fields}
        fields = tuple(name for name in FIELDS if name in self.job.grid.fields or name in there)

        def complete(results: tuple[PointResult, ...]) -> Study:
            return self.job.complete(results, fields)

        founds = map(self._found, range(len(self.keys)))
        study = write_study(
            target, founds, [point.at for point in points], complete, target.exists(), self.folder
        )
        self.clean()
        return study

    def clean(self) -> None:
        """Remove the parts, all of which are in the file."""
        for part in [*self.folder.glob("point-*.h5"), *self.folder.glob("exact-*.h5")]:
            part.unlink(missing_ok=True)
        self._list.unlink(missing_ok=True)

    def _found(self, i: int) -> Found:
        """Return a point, from its part or from the study's file."""
        part, stored = self._part(i), self.there.get(self.keys[i])
        if not part.exists():
            return read_found(self.parts.target, cast(Stored, stored).index)
        if self._exact(i):
            return read_point(part)
        return Found(load_run(part), tuple(nodes_of(part, FORMAT)), self.job.range_number(i))
