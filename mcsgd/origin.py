"""What the trajectories of an ensemble come from, and how their work is cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import lcm
from typing import TypeAlias

import numpy as np

from mcsgd.moments import EnsembleMoments, Moments, MomentsTree, Node
from mcsgd.rows import Array, Rows, Span
from mcsgd.settings import Settings

__all__ = ["Content", "Origin"]

Content: TypeAlias = Rows | list[Node]
"""What is kept of trajectories that follow each other."""

GROUP = 16
"""Trajectories that kernels draw the orders of at once."""


@dataclass(frozen=True, eq=False)
class Origin:
    """What trajectories come from, and what their statistics need to know of it.

    Attributes
    ----------
    settings : Settings
    start : (d,)
    flow_time : float
        Time of the flow to compare with, epochs * m * eps.
    batches : int
        Number of batches, m.
    leaf : int
        Trajectories in a leaf of the tree along which moments are merged; see `mcsgd.moments.MomentsTree`.
    fingerprint : str
        Hash of all that determines a trajectory's bytes: problem, start, settings, seed, stream.
    stream_version : int
        Version of the random stream that the orders were drawn from.
    kept : str
        What is kept of them: "cloud", "moments" alone, or "binned moments", which have `mcsgd.moments.Bins`
        beside.
    """

    settings: Settings
    start: Array
    flow_time: float
    batches: int
    leaf: int
    fingerprint: str
    stream_version: int
    kept: str = "cloud"

    @property
    def trajectories_per_unit(self) -> int:
        """Number of trajectories in an independent unit."""
        return self.settings.trajectories_per_unit(self.batches)

    @property
    def steps(self) -> int:
        """Steps of a trajectory."""
        return self.settings.epochs * self.batches

    @property
    def step(self) -> int:
        """Work is cut at multiples of this: leaves, where moments are kept alone."""
        return lcm(GROUP, self.trajectories_per_unit) if self.kept == "cloud" else self.leaf

    def share(self, k: int, tasks: int) -> Span:
        """Return (first, stop) of the trajectories that are for task k of so many."""
        n, step = self.settings.trajectories, self.step
        steps = -(-n // step)
        first, stop = (min(steps * i // tasks * step, n) for i in (k, k + 1))
        return first, stop

    def empty(self, first: int, stop: int) -> Rows:
        """Return room for trajectories first..stop - 1."""
        paths = self.settings.paths if self.kept == "cloud" else 0
        return Rows.empty(first, stop, self.start.size, len(self.settings.snapshots), paths, self.steps + 1)

    def node(self, rows: Rows) -> Node:
        """Return the moments of some trajectories."""
        per_unit, binned = self.trajectories_per_unit, self.kept == "binned moments"
        moments = EnsembleMoments.of(rows, self.start, per_unit, binned, _moments_of)
        return Node(rows.first, rows.stop, moments)

    def tree(self, nodes: Iterable[Node] = ()) -> MomentsTree:
        """Return a tree of moments, with nodes that were had before."""
        return MomentsTree(self.leaf, nodes)


def _moments_of(rows: Array, origin: Array | float = 0.0) -> Moments:
    """Return what `Moments.of` does, of the same bits on every machine, and faster."""
    if not len(rows):
        return Moments.of(rows, origin)
    from mcsgd.kernels.scatter import mean_and_scatter  # who only looks at a file needs no compiler

    shift, scatter = mean_and_scatter(np.require(rows, np.float64, ["C", "W"]))
    return Moments(len(rows), rows[0] - origin + shift, scatter)
