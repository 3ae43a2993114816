"""Runs in files: see what is there, fill in what is missing, and put it together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from mcsgd.engines import spread
from mcsgd.ensemble import Ensemble
from mcsgd.errors import FileFormatError, InputError, McsgdError
from mcsgd.moments import MomentsTree, Node
from mcsgd.production import Content, Production, Simulation, Span
from mcsgd.progress import Progress
from mcsgd.rows import Rows, Source, pieces
from mcsgd.run import Run
from mcsgd.stopping import GROWTH, Interruption, StopRules, enough, interruptible
from mcsgd.storage.identity import check_same
from mcsgd.storage.nodes import nodes_of
from mcsgd.storage.parts import Parts, missing
from mcsgd.storage.provenance import made_by
from mcsgd.storage.read import load
from mcsgd.storage.seal import broken_seal
from mcsgd.storage.shards import open_shard
from mcsgd.storage.write import write_run

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
    """

    workers: int
    progress: Progress
    rules: StopRules = field(default_factory=StopRules)
    task: tuple[int, int] | None = None
    executor: Executor | None = None


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
        If what is at `target` is not a run, or is damaged.
    BusyError
        If another process works on it.
    InputError
        If fewer trajectories are wanted than there are parts of.
    WriteError
        If something cannot be written: all that was written before stays.
    KeyboardInterrupt
        If the process was asked to end (SIGINT, SIGTERM): what was done is kept.
    """
    parts = Parts(target)
    task = "" if means.task is None else f"{means.task[0]}-of-{means.task[1]}"
    with parts.locked(task), interruptible() as interruption:
        there, begun = _existing(target, blank), parts.head()
        if begun is not None:
            check_same(parts.folder, begun, blank)
        head = complete(there or begun)
        if head.cloud.settings.paths and not simulation.keep_cloud:
            paths = simulation.first_paths(means.workers)
            head = replace(head, cloud=replace(head.cloud, first_paths=paths))
        filling = Filling(simulation, parts, there, head, means, interruption)
        if there is not None and filling.satisfied(there):
            return there
        if begun is None or begun.experiment != head.experiment:
            parts.write_head(head)
        n, stopped_by = filling.fill()
        if means.task is not None:
            return None
        filling.write(n, stopped_by)
    return load(target)


def _existing(target: Path, blank: Run) -> Run | None:
    """Return the run that is at the target, every byte of which was read, if any is."""
    if not target.exists():
        return None
    run = load(target)
    reason = broken_seal(target)
    if reason:
        raise FileFormatError(f"{target} is damaged: {reason}. It was not touched")
    check_same(target, run, blank)
    return run


class Filling:
    """What there is of a run, and how the rest comes to be."""

    def __init__(
        self,
        simulation: Simulation,
        parts: Parts,
        there: Run | None,
        head: Run,
        means: Means,
        interruption: Interruption,
    ) -> None:
        self.simulation, self.parts, self.there, self.head = simulation, parts, there, head
        self.means, self.interruption = means, interruption
        self.origin = simulation.origin
        self.shards = parts.shards(self.origin)
        self.contents: list[Content] = []  # done, and in memory only
        self._old = [] if there is None or simulation.keep_cloud else nodes_of(parts.target)
        self._began = self._flushed = time.monotonic()
        self.wanted = self.origin.settings.trajectories
        self._check_wanted()
        if there is not None:  # perhaps only its flows are others
            self.wanted = max(self.wanted, there.cloud.count)

    def satisfied(self, there: Run) -> bool:
        """Whether a file has all that is wanted."""
        limit = self.means.rules.standard_error
        if list(there.flows) != list(self.head.flows):
            return False
        if there.cloud.count < self.wanted and not (limit and self._precise(there.cloud, limit)):
            return False
        self.parts.remove(shard for shard in self.shards if shard.stop <= there.cloud.count)
        return True

    def fill(self) -> tuple[int, str]:
        """Make what is missing; return how many trajectories there are then, and what ended the run."""
        first, stop = self._share()
        limit, tree, looked = self.means.rules.standard_error, self.origin.tree(), 0
        for bound in _stages(first, stop, self.origin.leaf, limit):
            spans = missing(self.spans(), first, bound)
            if spans:
                self._make(spans)
            if missing(self.spans(), first, bound):
                if self.interruption.asked:
                    self._interrupted(first, stop)
                return self._complete(), "time"
            if limit is not None:
                self._look(tree, looked, bound)
                looked = bound
                if enough(tree, limit):
                    return bound, "standard error"
        if self.means.task is not None:
            self._keep()
        return stop, "count"

    def spans(self) -> list[Span]:
        """Return the ranges of trajectories that are done."""
        if self.simulation.keep_cloud:
            return [(source.first, source.stop) for source in self.sources()]
        return [(node.first, node.stop) for node in self.nodes()]

    def sources(self) -> list[Source]:
        """Return the trajectories that are done: in memory, in the file, in shards."""
        found: list[Source] = [rows for rows in self.contents if isinstance(rows, Rows)]
        found += [self.there.cloud.rows] if self.there is not None and self.there.cloud.rows else []
        return found + [shard.rows for shard in self.shards if shard.rows is not None]

    def nodes(self) -> list[Node]:
        """Return the moments that are done, of whole leaves or to the last trajectory."""
        found = [node for nodes in self.contents if isinstance(nodes, list) for node in nodes]
        found += self._old + [node for shard in self.shards for node in shard.nodes]
        whole = self.origin.leaf
        return [node for node in found if (node.stop - node.first) % whole == 0 or node.stop == self.wanted]

    def write(self, n: int, stopped_by: str) -> None:
        """Write the file, of the first n trajectories, and remove the shards that are in it."""
        self._keep_beyond(n)
        settings = replace(self.origin.settings, trajectories=n)
        origin = replace(self.origin, settings=settings)
        provenance = dict(self.head.provenance) | {"shards": [dict(shard.made) for shard in self.shards]}
        run = replace(
            self.head,
            cloud=replace(self.head.cloud, origin=origin),
            stopped_by=stopped_by,
            provenance=provenance,
        )
        tree = None
        if not self.simulation.keep_cloud:
            tree = self.origin.tree(node for node in self.nodes() if node.stop <= n)
        replaces = self.there is not None
        write_run(self.parts.target, run, self.sources(), tree, replaces, self.parts.folder)
        self.parts.remove(shard for shard in self.shards if shard.stop <= n)

    def _check_wanted(self) -> None:
        most = max((shard.stop for shard in self.shards), default=0)
        if most > self.wanted:
            message = f"must be at least {most}, for {self.parts.folder} has as many; got {self.wanted}"
            raise InputError([("trajectories", message)])

    def _share(self) -> Span:
        """Return the range of trajectories that this process is for."""
        if self.means.task is None:
            return 0, self.wanted
        return self.origin.share(*self.means.task)

    def _make(self, spans: Sequence[Span]) -> None:
        """Make trajectories, and keep them in shards from time to time."""
        done = sum(stop - first for first, stop in missing(spans, 0, self.wanted))
        if self.means.executor is not None:
            self._spread(spans, done)
            return
        production = Production(self.simulation, spans, self.means.workers)
        for made in _counted(production.run(), spans):
            self.means.progress(done + made, self.wanted)
            if self.interruption.asked or self.means.rules.out_of_time:
                production.stop()
            elif self._due(production.pending):
                self.contents += production.take()
                self._keep()
        self.contents += production.take()

    def _spread(self, spans: Sequence[Span], done: int) -> None:
        executor = cast(Executor, self.means.executor)
        for path in spread(self.simulation, self.parts, spans, executor, self._ending):
            shard = open_shard(path, self.origin)
            self.shards.append(shard)
            done += shard.stop - shard.first
            self.means.progress(done, self.wanted)

    def _ending(self) -> bool:
        return self.interruption.asked or self.means.rules.out_of_time

    def _due(self, pending: int) -> bool:
        now = time.monotonic()
        patience = max(FIRST_SHARD, SHARE * (now - self._began))
        return pending >= LARGE or now - self._flushed >= patience

    def _keep(self) -> None:
        """Write what is in memory only to shards."""
        now = time.monotonic()
        made = made_by(now - self._flushed)
        for content in self.contents:
            path = self.parts.add(self.origin, content, made)
            self.shards.append(open_shard(path, self.origin))
        self.contents, self._flushed = [], time.monotonic()

    def _keep_beyond(self, n: int) -> None:
        """Keep what was done beyond the end, for the time when the run is extended."""
        inside = [content for content in self.contents if _span(content)[1] <= n]
        self.contents = [content for content in self.contents if _span(content)[1] > n]
        self._keep()
        self.contents = inside

    def _complete(self) -> int:
        """Return up to where all is done, in whole units, when the time is over."""
        if self.means.task is not None:
            self._keep()
            return 0
        gaps = missing(self.spans(), 0, self.wanted)
        unit = self.origin.trajectories_per_unit
        n = gaps[0][0] // unit * unit
        if not self.simulation.keep_cloud:
            n = gaps[0][0]
        if n == 0:
            self._keep()
            raise McsgdError(
                f"the time was over before trajectory 0 was done; what was is kept in {self.parts.folder}"
            )
        return n

    def _interrupted(self, first: int, stop: int) -> None:
        """Keep what was done, and say how to go on."""
        self._keep()
        left = sum(end - begin for begin, end in missing(self.spans(), first, stop))
        raise KeyboardInterrupt(
            f"interrupted with {stop - first - left} of {stop - first} trajectories done, which are kept in "
            f"{self.parts.folder}: the same command goes on from there"
        )

    def _look(self, tree: MomentsTree, first: int, stop: int) -> None:
        """Add trajectories to the tree that the standard error is had of."""
        if not self.simulation.keep_cloud:
            tree.nodes[:] = self.origin.tree(node for node in self.nodes() if node.stop <= stop).nodes
            return
        for rows in pieces(self.sources(), first, stop, self.origin.leaf):
            tree.add(self.origin.node(rows))

    def _precise(self, cloud: Ensemble, limit: float) -> bool:
        whole = [Node(0, cloud.count, cloud.moments)]
        return enough(self.origin.tree(whole), limit)


def _span(content: Content) -> Span:
    if isinstance(content, Rows):
        return content.first, content.stop
    return content[0].first, content[-1].stop


def _stages(first: int, stop: int, leaf: int, standard_error: float | None) -> Iterator[int]:
    """Yield up to where to go before the next look at the standard error."""
    if standard_error is not None:
        leaves = 1
        while leaves * leaf < stop:
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
