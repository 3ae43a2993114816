"""Trajectories made: block by block, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from mcsgd.blocks import Blocks
from mcsgd.checks import Checks
from mcsgd.correction import Correction, check_pairs
from mcsgd.ensemble import Array, Ensemble
from mcsgd.machine import memory_bytes
from mcsgd.moments import Node
from mcsgd.origin import GROUP, Content, Origin
from mcsgd.pace import Fixed, Pace
from mcsgd.problems.base import Problem
from mcsgd.progress import Progress
from mcsgd.rows import Rows, Span, joined
from mcsgd.settings import COPIES
from mcsgd.sizes import first_block

__all__ = ["Production", "Simulation"]

ROOM, BLOCK = 2**25, 2**23
"""Bytes that blocks are run into, beyond which there is another room; and most of what is kept of a block."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """All that makes trajectories. It can be sent to another process.

    Attributes
    ----------
    problem : Problem
        In the batches that are stepped on (`Settings.partition`).
    origin : Origin
    noise_path : (epochs + 1, d), or (1, d) of one epoch, or None
        The flow along which the control variate is taken, if there is one.
    block_size : int or None
        Trajectories a block; by default as many as take a good time.
    """

    problem: Problem
    origin: Origin
    noise_path: Array | None = None
    block_size: int | None = None

    @property
    def keep_cloud(self) -> bool:
        """Whether the cloud is kept, and not its moments alone."""
        return self.origin.kept == "cloud"

    @property
    def bytes_each(self) -> int:
        """Memory that is kept of a trajectory."""
        numbers = 1 + (self.noise_path is not None) + len(self.origin.settings.snapshots)
        return 8 * self.origin.start.size * numbers + 1

    def correction(self) -> Correction | None:
        """Return what takes the control variate, if there is one. It keeps its tables: to be had once."""
        if self.noise_path is None:
            return None
        return Correction(self.problem, self.origin.settings, self.noise_path)

    def check_memory(self, workers: int, whole: bool) -> None:
        """Raise InputError if what is in memory at once, the whole cloud or workers' blocks, does not fit."""
        settings, checks = self.origin.settings, Checks()
        if whole and self.keep_cloud:
            settings.check_memory(self.problem)
        rows = self.origin.leaf if not self.keep_cloud else self.block_size or 1
        needed, memory = COPIES * rows * self.bytes_each * workers / 2**30, memory_bytes() / 2**30
        if needed > memory:
            name = "workers" if self.block_size is None or not self.keep_cloud else "block_size"
            checks.fail(name, f"need {needed:.3g} GiB at once; the memory is {memory:.3g} GiB")
        if self.noise_path is not None and not self.keep_cloud:
            checks.attempt(lambda: check_pairs(self.problem, settings, workers))
        checks.done()

    def first_paths(self, workers: int) -> Array:
        """Return every step of the first trajectories."""
        kept = replace(self, origin=replace(self.origin, kept="cloud"), noise_path=None)
        n = self.origin.settings.paths
        production = Production(kept, [(0, n)], workers, room=n)
        for _ in production.run():
            pass
        return cast(Rows, production.take()[0]).paths

    def in_memory(self, workers: int, report: Progress) -> Ensemble:
        """Return the whole ensemble."""
        n = self.origin.settings.trajectories
        production = Production(self, [(0, n)], workers, room=n)
        for stop in production.run():
            report(stop, n)
        (content,) = production.take()
        if isinstance(content, Rows):
            return Ensemble(self.origin, content)
        paths = self.first_paths(workers) if self.origin.settings.paths else None
        return Ensemble(self.origin, None, self.origin.tree(content).total, first_paths=paths)


class Production:
    """Trajectories of some spans being made, and what of them was not yet taken.

    Parameters
    ----------
    simulation : Simulation
    spans : sequence of (first, stop)
        In order; where moments are kept alone, of whole leaves or to the end.
    workers : int
        Threads.
    room : int, optional
        Trajectories in memory at once, about; chosen by default.
    block : int, optional
        Trajectories of the first block: what was `block` at the end of other such work; chosen by default.
    correction : Correction, optional
        `simulation.correction()`, from other work of the same simulation; made anew by default.
    """

    def __init__(
        self,
        simulation: Simulation,
        spans: Sequence[Span],
        workers: int,
        room: int | None = None,
        block: int | None = None,
        correction: Correction | None = None,
    ) -> None:
        self.simulation, self.spans, self.workers = simulation, spans, workers
        origin = simulation.origin
        self._pace = pace = _pace(simulation, spans, workers, block)
        self._blocks = Blocks(simulation.problem, origin.start, origin.settings, pace)
        least = -(-max(ROOM // simulation.bytes_each, pace.most) // origin.step) * origin.step
        self._room = origin.leaf if not simulation.keep_cloud else room or least
        self._rows: list[Rows] = []
        self._tree, self._taken = origin.tree(), 0
        self._finished: dict[int, Node] = {}
        self._correction = correction or simulation.correction()

    def run(self) -> Iterator[int]:
        """Make the trajectories; after each block, yield up to which index those of its span are done."""
        last: Rows | None = None
        finish = None if self.simulation.keep_cloud else self._finish
        for room, stop in self._blocks.fill(self._rooms(), self.workers, finish):
            if self.simulation.keep_cloud:
                if room is last and self._rows:
                    self._rows[-1] = room.part(self._rows[-1].first, stop)
                else:
                    first = max(room.first, self._taken) if room is last else room.first
                    self._rows.append(room.part(first, stop))
            elif stop == room.stop:
                self._tree.add(self._finished.pop(room.first))
            last = room
            yield stop

    def stop(self) -> None:
        """Begin no more blocks; `run` goes on until those under way are done."""
        self._blocks.drain()

    @property
    def block(self) -> int:
        """Trajectories of a block that takes a good time."""
        return self._pace.size

    @property
    def pending(self) -> int:
        """Bytes that were not yet taken."""
        return sum(len(rows.endpoints) for rows in self._rows) * self.simulation.bytes_each

    def take(self) -> list[Content]:
        """Return what was made since the last time, each with what follows it."""
        simulation, rows, nodes = self.simulation, self._rows, self._tree.nodes
        self._rows, self._tree = [], simulation.origin.tree()
        if not simulation.keep_cloud:
            return list(_runs(nodes))
        self._taken = rows[-1].stop if rows else 0
        return [self._corrected(joined(some), self.workers) for some in _runs(rows)]

    def _rooms(self) -> Iterator[Rows]:
        for first, stop in self.spans:
            while first < stop:
                end = min((first // self._room + 1) * self._room, stop)
                yield self.simulation.origin.empty(first, end)
                first = end

    def _finish(self, room: Rows) -> None:
        """Do what is left to do for a leaf: in one thread, as others do the same beside."""
        self._finished[room.first] = self.simulation.origin.node(self._corrected(room, threads=1))

    def _corrected(self, rows: Rows, threads: int) -> Rows:
        """Return rows with their control variate taken, if there is one."""
        return rows if self._correction is None else self._correction.of(rows, threads)


def _pace(simulation: Simulation, spans: Sequence[Span], workers: int, first: int | None) -> Pace:
    if simulation.block_size:
        return Fixed(simulation.block_size)
    most = max(BLOCK // simulation.bytes_each // GROUP * GROUP, GROUP)
    count = sum(stop - first for first, stop in spans)
    first = first or first_block(simulation.problem, simulation.origin.settings)
    return Pace(first, most, count, workers)


def _runs(parts: Sequence[Rows] | Sequence[Node]) -> Iterator[list]:  # type: ignore[type-arg]
    """Yield lists of parts that follow each other."""
    found: list = []  # type: ignore[type-arg]
    for part in parts:
        if found and found[-1].stop != part.first:
            yield found
            found = []
        found.append(part)
    if found:
        yield found
