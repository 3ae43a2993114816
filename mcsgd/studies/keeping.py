"""What there is of a study that is kept in a file.

The directory STUDY.h5.parts has, until the study is complete, study.json (of which experiment it is, and its
points) and a file for each point that is done or under way: of Monte Carlo, an ordinary run's file, made as
`mcsgd.filling` makes any, with a directory of parts of its own; of an exact mean, the point itself.

The tasks of a job array do pieces of that (`mcsgd.studies.sharing`), and leave shards in the directories of
the points, as the tasks of a run in its own.
"""

from __future__ import annotations

import json
import os
import warnings
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from mcsgd.errors import FileFormatError, IncompleteError, McsgdWarning, OutputExistsError
from mcsgd.storage.holdings import Holdings
from mcsgd.storage.identity import SECTIONS, differences, refusal
from mcsgd.storage.nodes import nodes_of
from mcsgd.storage.output import new_file
from mcsgd.storage.parts import POINTS, Parts
from mcsgd.storage.read import load_run, load_whole
from mcsgd.storage.schema import FORMAT
from mcsgd.storage.seal import broken_seal
from mcsgd.storage.shards import as_shard
from mcsgd.storage.studies import (
    Stored,
    load_study,
    read_found,
    read_point,
    stored_points,
    write_study,
)
from mcsgd.storage.write import write_run
from mcsgd.studies.found import Found, PointResult
from mcsgd.studies.job import Job
from mcsgd.studies.sharing import Piece, deal
from mcsgd.studies.study import Study
from mcsgd.theory import FIELDS

__all__ = ["Keeping"]


class Keeping:
    """What there is of a study, in its file and in its parts.

    Parameters
    ----------
    job : Job
        All that is wanted.
    parts : Parts
        Whose target is the study's file.

    Raises
    ------
    OutputExistsError
        If something else is there, or was begun there.
    FileFormatError
        If what is there is not a study, or is damaged.
    """

    def __init__(self, job: Job, parts: Parts) -> None:
        self.job, self.parts, self.folder = job, parts, parts.folder
        self.keys = [origin.fingerprint for origin in job.origins]
        self._list = self.folder / POINTS
        there = stored_points(parts.target) if parts.target.exists() else []
        self.there = {point.fingerprint: point for point in there}
        self._check_file()
        self._check_begun()

    def _check_file(self) -> None:
        """Raise OutputExistsError if the study's file has points that are not wanted."""
        wanted, exact = set(self.keys), self.job.grid.exact
        other = exact != "auto" and any(point.exact != exact for point in self.there.values())
        if other or not self.there.keys() <= wanted:
            self._refuse(self.parts.target, load_study(self.parts.target).experiment)

    def _check_begun(self) -> None:
        """Raise OutputExistsError if points were begun that are not wanted, or a run was."""
        self.parts.check_kind(POINTS)
        if self._list.exists():
            try:
                begun = json.loads(self._list.read_text(encoding="utf-8"))
                known, tables = set(begun["points"]), begun["experiment"]
            except (ValueError, KeyError, TypeError, OSError) as error:
                raise FileFormatError(f"{self._list} is damaged: {error}") from None
            if not known <= set(self.keys):
                self._refuse(self.folder, tables)

    def _refuse(self, where: Path, there: Any) -> None:
        here = {**self.job.tables, "study": self.job.grid.as_table()}
        found = differences(there, here, (*SECTIONS, "study"))
        raise refusal(where, found or ["the data of the problem, or the start"])

    def finished(self) -> Study | None:
        """Return the study in the file, if it has all that is wanted, in its order."""
        if list(self.there) != self.keys or not all(map(self.enough, range(len(self.keys)))):
            return None
        study = load_study(self.parts.target)
        return study if study.axes == self.job.grid.axes else None

    def enough(self, i: int) -> bool:
        """Whether the study's file has a point with all that is wanted of it."""
        point, stored = self.job.grid.points[i], self.there.get(self.keys[i])
        if stored is None or not set(point.fields) <= set(stored.fields):
            return False
        return stored.exact or stored.count >= point.settings.trajectories

    def begin(self) -> None:
        """Note what is begun; raises as `Keeping`, for another may have begun meanwhile."""
        tables = {**self.job.tables, "study": self.job.grid.as_table()}
        text = json.dumps({"experiment": tables, "points": self.keys})
        with self.parts.beginning():
            self._check_begun()
            if not self._list.exists() or self._list.read_text(encoding="utf-8") != text:
                with new_file(self._list, replace=True) as temporary:
                    temporary.write_text(text, encoding="utf-8")

    def dealt(self, tasks: int) -> list[list[Piece]]:
        """Return what each of so many tasks is to do: of all points that the study's file has not."""
        weights = [0.0 if self.enough(i) else weight for i, weight in enumerate(self.job.weights)]
        leaves = [-(-one.settings.trajectories // one.step) for one in self.job.origins]
        most = [1 if self.exact(i) else n for i, n in enumerate(leaves)]
        return deal(weights, most, self.job.kinds, tasks)

    def check_done(self, tasks: int) -> None:
        """Raise IncompleteError, which names them, if some of so many tasks have not done their pieces."""
        whose = sorted((piece, task) for task, some in enumerate(self.dealt(tasks)) for piece in some)
        late: set[int] = set()
        for i, some in groupby(whose, lambda pair: pair[0].point):
            if self.exact(i):
                late |= set() if self.begun(i).exists() else {task for _, task in some}
                continue
            holdings = self.holdings(i)
            for (_, share), task in some:
                span = holdings.origin.share(*cast(tuple[int, int], share))
                late |= {task} if holdings.missing(*span) else set()
        if late:
            named = ", ".join(map(str, sorted(late)))
            kept = f". What is done is kept in {self.folder}" if self.folder.exists() else ""
            raise IncompleteError(f"of {tasks} tasks, these are not done: {named}{kept}")

    def begun(self, i: int) -> Path:
        """Return the path of a point's part, where what the study's file has of its trajectories is then."""
        part, stored = self._part(i), self.there.get(self.keys[i])
        self._look_at(part)
        if stored is not None and not stored.exact and not part.exists():
            found = read_found(self.parts.target, stored.index)
            with suppress(OutputExistsError):  # another task was faster
                write_run(part, found.run, tree=found.run.cloud.origin.tree(found.nodes))
        return part

    def holdings(self, i: int) -> Holdings:
        """Return what is done of a point's trajectories."""
        part = self.begun(i)
        others = [as_shard(part, load_whole(part))] if part.exists() else []
        return Holdings(Parts(part), self.job.origins[i], others)

    def fields(self, i: int) -> tuple[str, ...]:
        """Return the fields that the study's file has at a point."""
        stored = self.there.get(self.keys[i])
        return () if stored is None else stored.fields

    def exact(self, i: int) -> bool:
        """Whether the mean of a point is exact: as it is in the study's file already, if it is there."""
        stored = self.there.get(self.keys[i])
        return self.job.simulations[i] is None if stored is None else stored.exact

    def _part(self, i: int) -> Path:
        return self.folder / f"{'exact' if self.exact(i) else 'point'}-{self.keys[i][:32]}.h5"

    def _look_at(self, part: Path) -> None:
        """Set a damaged part aside, with a warning that names it: its point is then measured again."""
        reason = broken_seal(part) if part.exists() else ""
        if reason:
            aside = part.with_name(f"bad-{part.name}")
            with suppress(FileNotFoundError):  # another task was faster
                os.replace(part, aside)
            text = (
                f"{part} is damaged: {reason}. It was set aside as {aside.name}; its point is measured again"
            )
            warnings.warn(text, McsgdWarning, stacklevel=2)

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
        if self.exact(i):
            return read_point(part)
        return Found(load_run(part), tuple(nodes_of(part, FORMAT)), self.job.range_number(i))
