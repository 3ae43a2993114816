"""Runs in files: see what is there, fill in what is missing, and put it together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcsgd.begun import holdings_of, note, run_begun, run_there
from mcsgd.engines import Work, spread
from mcsgd.ensemble import Ensemble
from mcsgd.errors import IncompleteError
from mcsgd.moments import MomentsTree
from mcsgd.production import Production, Simulation
from mcsgd.progress import Progress
from mcsgd.rows import Span, pieces
from mcsgd.run import Run
from mcsgd.stopping import GROWTH, Interruption, StopRules, enough, interruptible
from mcsgd.storage.ahead import Ahead
from mcsgd.storage.holdings import Holdings
from mcsgd.storage.parts import Parts
from mcsgd.storage.provenance import Clock, ended, made_by
from mcsgd.storage.read import load_run
from mcsgd.storage.shards import open_shard

__all__ = ["Means", "run_to_file"]

FIRST_SHARD, SHARE, LARGE = 2.0, 0.01, 2**25
"""A shard is written when there are results of so many seconds, and of this share of the time so far, or so
many bytes."""


@dataclass(frozen=True, eq=False)
class Means:
    """By what means trajectories are made; none of it changes them.

    Attributes
    ----------
    workers : int
        Threads.
    progress : callable
    rules : StopRules
    task : (k, n) or None
        Make share k of n only, and leave all in the parts.
    executor : Executor or None
        Processes that make them, in the place of this one.
    clock : Clock
        When all this began.
    """

    workers: int
    progress: Progress
    rules: StopRules = field(default_factory=StopRules)
    task: tuple[int, int] | None = None
    executor: Executor | None = None
    clock: Clock = field(default_factory=Clock)


def run_to_file(
    simulation: Simulation, target: Path, blank: Run, complete: Callable[[Run | None], Run], means: Means
) -> Run | None:
    """Bring a run's file to hold all trajectories that are wanted, and return it; None for a task.

    Parameters
    ----------
    simulation : Simulation
    target : Path
        A file that may be there: with this run it is extended, or left as it is if there is nothing to do.
    blank : Run
        Origin and experiment.
    complete : callable
        Given what there is of this run already, if anything, returns all that a run is before its
        trajectories: blank with flows and provenance.
    means : Means

    Raises
    ------
    OutputExistsError
        If another run is at `target`, or was begun there.
    FileFormatError
        If what is at `target` is not a run, or is damaged; or what is there or in its parts, is of a newer
        version.
    BusyError
        If another process works on it.
    InputError
        If fewer trajectories are wanted than there are parts of.
    IncompleteError
        If the time was over before a task's share was done, or anything of a run: what was is kept.
    WriteError
        If something cannot be written: all that was written before stays.
    KeyboardInterrupt
        If the process was asked to end (SIGINT, SIGTERM): what was done is kept.
    """
    parts = Parts(target)
    task = "" if means.task is None else f"{means.task[0]}-of-{means.task[1]}"
    with parts.locked(task), interruptible() as interruption:
        there, begun = run_there(target, blank), run_begun(parts, blank)
        head = complete(there or begun)
        satisfied = there is not None and _satisfied(there.cloud, head.cloud.count, means.rules)
        if there is not None and satisfied and list(there.flows) == list(head.flows):
            parts.remove(there.cloud.count)
            return there
        if head.cloud.settings.paths and not simulation.keep_cloud:
            paths = simulation.first_paths(means.workers)
            head = replace(head, cloud=replace(head.cloud, first_paths=paths))
        note(parts, head)
        holdings = holdings_of(parts, simulation.origin, there, means.task)
        note(parts, head, again=True)
        with _ahead(holdings, head, simulation) as ahead:
            if there is not None and satisfied:  # only its flows are others
                n, stopped_by = there.cloud.count, there.stopped_by
            else:
                n, stopped_by = Filling(simulation, holdings, means, interruption, ahead).fill()
            if means.task is not None:
                return None
            made = ended(head.provenance, means.clock, None if there is None else there.provenance)
            holdings.finish(replace(head, provenance=made), n, stopped_by, ahead)
    return load_run(target)


def _ahead(holdings: Holdings, head: Run, simulation: Simulation) -> Ahead:
    """Return what writes the file of all trajectories that are wanted while they are made."""
    run = replace(head, cloud=replace(head.cloud, origin=holdings.origin))
    size = holdings.origin.settings.trajectories * simulation.bytes_each
    return Ahead(holdings.parts.folder, run, size)


def _satisfied(there: Ensemble, wanted: int, rules: StopRules) -> bool:
    """Whether a file has all trajectories that are wanted."""
    limit = rules.standard_error
    return there.count >= wanted or (limit is not None and enough(there.moments, limit))


class Filling:
    """How the rest of a run comes to be.

    Parameters
    ----------
    simulation : Simulation
    holdings : Holdings
        What is done already.
    means : Means
    interruption : Interruption
    ahead : Ahead
        What may become the run's file.
    """

    def __init__(
        self,
        simulation: Simulation,
        holdings: Holdings,
        means: Means,
        interruption: Interruption,
        ahead: Ahead,
    ) -> None:
        self.simulation, self.holdings = simulation, holdings
        self.means, self.interruption, self.ahead = means, interruption, ahead
        self.origin = holdings.origin
        self.wanted = self.origin.settings.trajectories
        self.span = 0, self.wanted  # that this process is for
        if means.task is not None:
            self.span = self.origin.share(*means.task)
        self.least = max((one.stop for one in holdings.others), default=0)
        """Trajectories that the run's file has: it never comes to have fewer."""
        self._correction = simulation.correction()
        self._began = self._last_kept = time.monotonic()

    def fill(self) -> tuple[int, str]:
        """Make what is missing; return how many trajectories there are then, and what ended the run."""
        first, stop = self.span
        limit, tree, looked = self.means.rules.standard_error, self.origin.tree(), 0
        for bound in _stages(max(first, self.least), stop, self.origin.leaf, limit):
            spans = self.holdings.missing(first, bound)
            if spans:
                self._make(spans)
            if self.holdings.missing(first, bound):
                if self.interruption.asked:
                    raise KeyboardInterrupt(self._left("interrupted", first, stop))
                if self.means.task is not None:
                    raise IncompleteError(self._left("the time was over", first, stop))
                return self._complete(), "time"
            if limit is not None:
                tree, looked = self._moments(tree, looked, bound), bound
                if tree.covers(bound) and enough(tree.total, limit):
                    return bound, "standard error"
        if self.means.task is not None:
            self._keep()
        return stop, "count"

    def _make(self, spans: Sequence[Span]) -> None:
        """Make trajectories, and keep them in shards from time to time."""
        first, stop = self.span
        total = stop - first
        done = total - sum(end - begin for begin, end in self.holdings.missing(first, stop))
        if self.means.executor is not None:
            self._spread(spans, done, total, self.means.executor)
            return
        workers, correction = self.means.workers, self._correction
        production = Production(self.simulation, spans, workers, correction=correction)
        for made in _counted(production.run(), spans):
            self.means.progress(done + made, total)
            if self._ending():
                production.stop()
            elif self._due(production.pending):
                self.holdings.contents += production.take()
                self._copy_ahead()
                self._keep()
        self.holdings.contents += production.take()

    def _spread(self, spans: Sequence[Span], done: int, total: int, executor: Executor) -> None:
        parts = self.holdings.parts
        work = Work(self.simulation, parts, spans)
        for _, path in spread([work], parts.folder, executor, self._ending):
            shard = open_shard(path, self.origin)
            self.holdings.add([shard])
            if time.monotonic() - self._last_kept >= FIRST_SHARD:  # not at each: there may be very many
                self._copy_ahead()
                self._last_kept = time.monotonic()
            done += shard.stop - shard.first
            self.means.progress(done, total)

    def _copy_ahead(self) -> None:
        """Copy what there is to the run's file, if all that are wanted will be in it, as far as is known."""
        if self.means.task is None and self.means.rules.standard_error is None:
            self.ahead.copy(self.holdings.sources)

    def _ending(self) -> bool:
        return self.interruption.asked or self.means.rules.out_of_time

    def _due(self, pending: int) -> bool:
        now = time.monotonic()
        patience = max(FIRST_SHARD, SHARE * (now - self._began))
        return pending >= LARGE or now - self._last_kept >= patience

    def _keep(self) -> None:
        """Write what is in memory only to shards."""
        self.holdings.keep(made_by(time.monotonic() - self._last_kept))
        self._last_kept = time.monotonic()

    def _complete(self) -> int:
        """Return up to where all is done, in whole units, when the time is over; keep what is beyond."""
        n = self.holdings.missing(0, self.wanted)[0][0]
        if self.simulation.keep_cloud:
            n -= n % self.origin.trajectories_per_unit
        n = max(n, self.least)
        self.holdings.keep(made_by(time.monotonic() - self._last_kept), beyond=n)
        if n == 0:
            raise IncompleteError(
                "the time was over before trajectory 0 was done; what was is kept in "
                f"{self.holdings.parts.folder}"
            )
        return n

    def _left(self, why: str, first: int, stop: int) -> str:
        """Keep what was done, and return how to go on."""
        self._keep()
        left = sum(end - begin for begin, end in self.holdings.missing(first, stop))
        return (
            f"{why} with {stop - first - left} of {stop - first} trajectories done, which are kept in "
            f"{self.holdings.parts.folder}: the same command goes on from there"
        )

    def _moments(self, tree: MomentsTree, first: int, stop: int) -> MomentsTree:
        """Return the moments of trajectories before `stop`, given a tree of those before `first`."""
        if not self.simulation.keep_cloud:
            # Nodes may reach beyond, merged before the stop was looked at: then they do not cover it.
            return self.holdings.tree(stop)
        for rows in pieces(self.holdings.sources, first, stop, self.origin.leaf):
            tree.add(self.origin.node(rows))
        return tree


def _stages(first: int, stop: int, leaf: int, standard_error: float | None) -> Iterator[int]:
    """Yield up to where to go before the next look at the standard error."""
    if standard_error is not None:
        leaves = 1
        while leaves * leaf < stop:
            if leaves * leaf > first:
                yield leaves * leaf
            leaves = max(leaves + 1, math.ceil(leaves * GROWTH))
    if first < stop:
        yield stop


def _counted(stops: Iterator[int], spans: Sequence[Span]) -> Iterator[int]:
    """Yield how many trajectories of the spans are done, after each block."""
    before, rest = 0, list(spans)
    for stop in stops:
        while stop > rest[0][1] or stop <= rest[0][0]:
            first, end = rest.pop(0)
            before += end - first
        yield before + stop - rest[0][0]
