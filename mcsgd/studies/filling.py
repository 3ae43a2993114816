"""Studies in files: see what is there, measure what is missing, and put it together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import cast

from mcsgd.engines import Work, spread
from mcsgd.errors import IncompleteError
from mcsgd.filling import Means, run_to_file
from mcsgd.production import Simulation
from mcsgd.progress import Progress, Together
from mcsgd.rows import Span
from mcsgd.run import Run
from mcsgd.stopping import Interruption, interruptible
from mcsgd.storage.parts import Parts
from mcsgd.storage.shards import range_of
from mcsgd.storage.studies import write_point
from mcsgd.studies.job import Job
from mcsgd.studies.keeping import Keeping
from mcsgd.studies.sharing import Piece
from mcsgd.studies.study import Study

__all__ = ["study_to_file"]


def study_to_file(
    job: Job,
    target: Path,
    report: Progress,
    task: tuple[int, int] | None = None,
    tasks: int | None = None,
) -> Study | None:
    """Bring a study's file to hold all points that are wanted, and return the study; None for a task.

    Parameters
    ----------
    job : Job
    target : Path
    report : callable
    task : (k, n), optional
        Do the pieces of task k of n only, and leave them in the parts.
    tasks : int, optional
        Only put together what so many tasks have done.

    Raises
    ------
    OutputExistsError
        If what is at `target`, or was begun there, has points that are not wanted.
    FileFormatError
        If what is at `target` is not a study, or is damaged.
    IncompleteError
        If the time was over; or if some of the tasks have not done their pieces: the message names them.
    BusyError, WriteError, KeyboardInterrupt
        As `mcsgd.filling.run_to_file`.
    """
    parts = Parts(target)
    name = "" if task is None else f"{task[0]}-of-{task[1]}"
    with parts.locked(name), interruptible() as interruption:
        keeping = Keeping(job, parts)
        study = keeping.finished()
        if task is not None:
            if study is None:
                keeping.begin()
                _Filling(keeping, keeping.dealt(task[1])[task[0]], report, interruption).fill()
            return None
        if study is not None:
            keeping.clean()
            return study
        if tasks is not None:
            keeping.check_done(tasks)
        keeping.begin()
        _Filling(keeping, [Piece(i) for i in range(len(keeping.keys))], report, interruption).fill()
        return keeping.write()


class _Filling:
    """How pieces of a study come to be, in their order."""

    def __init__(
        self, keeping: Keeping, pieces: Sequence[Piece], report: Progress, interruption: Interruption
    ) -> None:
        self.keeping, self.pieces, self.job = keeping, pieces, keeping.job
        self.interruption = interruption
        shares = [1 if piece.share is None else piece.share[1] for piece in pieces]
        weights = [self.job.weights[piece.point] / n for piece, n in zip(pieces, shares, strict=True)]
        self.together = Together(weights, report)

    def fill(self) -> None:
        """Measure what is missing."""
        if self.job.executor is not None:
            self._spread(self.job.executor)
        for done, piece in enumerate(self.pieces):
            try:
                if self.interruption.asked:
                    raise KeyboardInterrupt
                if self.job.rules.out_of_time:
                    raise IncompleteError
                self._measure(piece, self.together.of(done))
            except KeyboardInterrupt:
                raise KeyboardInterrupt(self._left("interrupted", done)) from None
            except IncompleteError:
                raise IncompleteError(self._left("the time was over", done)) from None
            self.together.of(done)(1, 1)

    def _spread(self, executor: Executor) -> None:
        """Have the trajectories that are missing made by other processes, those of all points at once."""
        works, counts, tell = [], [], []
        for place, (i, _) in enumerate(self.pieces):
            if self.keeping.enough(i) or self.keeping.exact(i):
                continue
            holdings, wanted = self.keeping.holdings(i), self.job.origins[i].settings.trajectories
            if spans := holdings.missing(0, wanted):
                works.append(Work(cast(Simulation, self.job.simulations[i]), holdings.parts, spans))
                counts.append((wanted - sum(stop - first for first, stop in spans), wanted))
                tell.append(self.together.of(place))
        for w, path in spread(works, self.keeping.folder, executor, self._ending):
            first, stop = cast(Span, range_of(path))
            done, wanted = counts[w]
            counts[w] = done + stop - first, wanted
            tell[w](*counts[w])

    def _ending(self) -> bool:
        return self.interruption.asked or self.job.rules.out_of_time

    def _measure(self, piece: Piece, report: Progress) -> None:
        """Measure a point, or a share of one, unless it is there."""
        keeping, job, i = self.keeping, self.job, piece.point
        if keeping.enough(i):
            return
        part, more = keeping.begun(i), keeping.fields(i)
        if keeping.exact(i):
            if not part.exists():
                write_point(part, job.exact(i, more))
            return

        def complete(known: Run | None) -> Run:
            if piece.share is not None and piece.share[0] > 0:  # flows are for who has the first share
                return replace(job.blank(i), flows={} if known is None else known.flows)
            return job.head(i, known, more)

        means = Means(job.workers, report, job.rules, piece.share, job.executor)
        run = run_to_file(cast(Simulation, job.simulations[i]), part, job.blank(i), complete, means)
        if run is not None and run.stopped_by == "time":
            raise IncompleteError

    def _left(self, why: str, done: int) -> str:
        """Say how far it came, and how to go on."""
        what = "points" if all(piece.share is None for piece in self.pieces) else "pieces of points"
        return (
            f"{why} with {done} of {len(self.pieces)} {what} done, which are kept in {self.keeping.folder}: "
            "the same command goes on from there"
        )
