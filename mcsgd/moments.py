"""Count, mean and scatter of a sample, by which two parts of a sample are merged; and means of its bins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mcsgd.rows import Rows

Array: TypeAlias = NDArray[np.float64]

__all__ = ["BINS", "Bins", "EnsembleMoments", "Moments", "MomentsTree", "Node", "finished_units"]

BINS = 128
"""Their number: a variance that is estimated from as many means is known to an eighth."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of a sample of vectors.

    Attributes
    ----------
    count : int
    mean : (d,)
        Zero for an empty sample.
    scatter : (d, d)
        Sum of the outer products of deviations from the mean.
    """

    count: int
    mean: Array
    scatter: Array

    @classmethod
    def of(cls, rows: Array, origin: Array | float = 0.0) -> Moments:
        """Return the moments of rows - origin, (n, d), taken about the first row so that nothing cancels."""
        n, d = rows.shape
        if n == 0:
            return cls(0, np.zeros(d), np.zeros((d, d)))
        # By columns: NumPy is slow along rows of a few numbers.
        deviations = np.array(rows.T, order="C")
        first = deviations[:, :1].copy()
        deviations -= first
        shift = deviations.mean(axis=1, keepdims=True)
        deviations -= shift
        return cls(n, first[:, 0] - origin + shift[:, 0], deviations @ deviations.T)

    def shifted(self, by: Array) -> Moments:
        """Return the moments of the sample moved by a vector (d,)."""
        return replace(self, mean=self.mean + by) if self.count else self

    def merged(self, other: Moments) -> Moments:
        """Return the moments of both samples together (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        if not other.count:
            return self
        step = other.mean - self.mean
        between = np.outer(step, step) * (self.count * other.count / count)
        mean = self.mean + step * (other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    @property
    def covariance(self) -> Array:
        """Sample covariance (d, d); NaN for fewer than two."""
        if self.count < 2:
            return np.full(self.scatter.shape, np.nan)
        return self.scatter / (self.count - 1)


@dataclass(frozen=True, eq=False)
class Bins:
    """Counts and means of a sample's bins: vector i is in bin i mod BINS.

    Two ensembles whose units i have the same orders have them in the same bins, so that the covariance of
    their means can be estimated from these, where neither keeps its units.

    Attributes
    ----------
    count : (BINS,)
    mean : (BINS, d)
        Zero for an empty bin.
    """

    count: NDArray[np.int64]
    mean: Array

    @classmethod
    def of(cls, rows: Array, indices: NDArray[np.int64], origin: Array | float = 0.0) -> Bins:
        """Return the bins of rows - origin, (n, d), that have these indices, ascending."""
        n, d = rows.shape
        count = np.bincount(indices % BINS, minlength=BINS)
        if n == 0:
            return cls(count, np.zeros((BINS, d)))
        first = indices[0] // BINS * BINS
        table = np.zeros((-(-(indices[-1] + 1 - first) // BINS), BINS, d))
        table.reshape(-1, d)[indices - first] = rows - rows[0]  # about a row, so that nothing cancels
        mean = table.sum(axis=0) / np.maximum(count, 1)[:, None] + (rows[0] - origin)
        return cls(count, np.where(count[:, None] > 0, mean, 0.0))

    def shifted(self, by: Array) -> Bins:
        """Return the bins of the sample moved by a vector (d,)."""
        return replace(self, mean=np.where(self.count[:, None] > 0, self.mean + by, 0.0))

    def merged(self, other: Bins) -> Bins:
        """Return the bins of both samples together."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        return Bins(count, self.mean + (other.mean - self.mean) * share[:, None])


def finished_units(status: NDArray[np.uint8], per_unit: int) -> NDArray[np.bool_]:
    """Return which trajectories are in units all of which finished, (n,)."""
    finished = (status.reshape(-1, per_unit) == 0).all(axis=1)
    return np.asarray(np.repeat(finished, per_unit))


@dataclass(frozen=True, eq=False)
class EnsembleMoments:
    """Moments of an ensemble's endpoints, as deviations from the start.

    Attributes
    ----------
    units : Moments
        Of the independent units all of whose trajectories finished: trajectories, or means of pairs or sets;
        of the corrected endpoints, where there are any.
    singles : Moments
        Of the endpoints of the single trajectories in these units.
    left_out : int
        Trajectories in the other units.
    diverged : int
        Trajectories that diverged.
    bins : Bins or None
        Of the units, where they are kept.
    """

    units: Moments
    singles: Moments
    left_out: int
    diverged: int
    bins: Bins | None = None

    @classmethod
    def of(
        cls,
        rows: Rows,
        start: Array,
        per_unit: int,
        binned: bool = False,
        moments_of: Callable[..., Moments] = Moments.of,
    ) -> EnsembleMoments:
        """Return the moments of trajectories, `per_unit` of them a unit; `moments_of` is as `Moments.of`."""
        endpoints, corrected, status = rows.endpoints, rows.corrected, rows.status
        diverged = int(np.count_nonzero(status))
        indices = np.arange(rows.first // per_unit, rows.stop // per_unit) if binned else None
        if diverged:
            keep = finished_units(status, per_unit)
            indices = None if indices is None else indices[keep[::per_unit]]
            endpoints, corrected = endpoints[keep], None if corrected is None else corrected[keep]
        left_out = len(status) - len(endpoints)
        singles = moments_of(endpoints, start)
        finished = endpoints if corrected is None else corrected
        if per_unit == 1:
            units = singles if corrected is None else moments_of(finished, start)
            bins = None if indices is None else Bins.of(finished, indices, start)
            return cls(units, singles, left_out, diverged, bins)
        # About an endpoint, where means of units are exact to the rounding of the cloud's own width.
        reference = finished[0] if len(finished) else start
        means = (finished - reference).reshape(-1, per_unit, start.size).mean(axis=1)
        units = moments_of(means).shifted(reference - start)
        bins = None if indices is None else Bins.of(means, indices).shifted(reference - start)
        return cls(units, singles, left_out, diverged, bins)

    def merged(self, other: EnsembleMoments) -> EnsembleMoments:
        """Return the moments of both parts of an ensemble together."""
        units = self.units.merged(other.units)
        same = self.singles is self.units and other.singles is other.units
        singles = units if same else self.singles.merged(other.singles)
        left_out, diverged = self.left_out + other.left_out, self.diverged + other.diverged
        bins = self.bins.merged(other.bins) if self.bins and other.bins else None
        return EnsembleMoments(units, singles, left_out, diverged, bins)

    def same(self, other: EnsembleMoments) -> bool:
        """Whether the other has the same moments, to the last bit."""
        return self._bits == other._bits

    @property
    def _bits(self) -> list[bytes | int]:
        bits = [b for one in (self.units, self.singles) for b in (one.mean.tobytes(), one.scatter.tobytes())]
        return [self.units.count, self.singles.count, self.left_out, self.diverged, *bits]


@dataclass(frozen=True, eq=False)
class Node:
    """Moments of trajectories first..stop - 1."""

    first: int
    stop: int
    moments: EnsembleMoments

    def holds(self, other: Node) -> bool:
        """Whether the other's trajectories are all among these."""
        return self.first <= other.first and other.stop <= self.stop


class MomentsTree:
    """Moments merged along a binary tree, so that their bits do not depend on how the work was cut.

    The leaves are the moments of `leaf` trajectories each. Two nodes are merged where they are the halves
    of a block of 2, 4, 8, ... leaves that begins at a multiple of its length; a last leaf of fewer
    trajectories stays by itself. What remains are few nodes, one for each binary digit of the number of
    leaves.
    """

    def __init__(self, leaf: int, nodes: Iterable[Node] = ()) -> None:
        self.leaf = leaf
        self.nodes: list[Node] = []
        """In the order of their trajectories."""
        found = sorted(nodes, key=lambda node: (node.first, -node.stop))
        for node in found:  # of nodes that overlap, one is within the other
            if not (self.nodes and self.nodes[-1].holds(node)):
                self.add(node)

    def add(self, node: Node) -> None:
        """Add a node after all others, and merge."""
        self.nodes.append(node)
        while len(self.nodes) > 1 and self._siblings(*self.nodes[-2:]):
            right, left = self.nodes.pop(), self.nodes.pop()
            self.nodes.append(Node(left.first, right.stop, left.moments.merged(right.moments)))

    def _siblings(self, left: Node, right: Node) -> bool:
        size = left.stop - left.first
        return (
            left.stop == right.first
            and right.stop - right.first == size
            and size % self.leaf == 0
            and left.first % (2 * size) == 0
        )

    def covers(self, count: int) -> bool:
        """Whether these are the moments of all trajectories before an index."""
        stop = 0
        for node in self.nodes:
            if node.first != stop:
                return False
            stop = node.stop
        return stop == count

    @property
    def total(self) -> EnsembleMoments:
        """Moments of all trajectories."""
        return reduce(EnsembleMoments.merged, (node.moments for node in self.nodes))
