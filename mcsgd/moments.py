"""Count, mean and scatter of a sample, which two parts of a sample can be merged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

__all__ = ["EnsembleMoments", "Moments"]


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
class EnsembleMoments:
    """Moments of an ensemble's endpoints, as deviations from the start.

    Attributes
    ----------
    units : Moments
        Of the independent units all of whose trajectories finished: trajectories, or means of pairs or sets.
    singles : Moments
        Of the single trajectories in these units.
    left_out : int
        Trajectories in the other units.
    """

    units: Moments
    singles: Moments
    left_out: int

    @classmethod
    def of(cls, endpoints: Array, status: NDArray[np.uint8], start: Array, per_unit: int) -> EnsembleMoments:
        """Return the moments of endpoints (n, d) with their status (n,), `per_unit` of them a unit."""
        finished, left_out = endpoints, 0
        if status.any():
            keep = np.repeat((status.reshape(-1, per_unit) == 0).all(axis=1), per_unit)
            finished = endpoints[keep]
            left_out = len(endpoints) - len(finished)
        singles = Moments.of(finished, start)
        if per_unit == 1:
            return cls(singles, singles, left_out)
        # About an endpoint, where means of units are exact to the rounding of the cloud's own width.
        reference = finished[0] if len(finished) else start
        units = Moments.of((finished - reference).reshape(-1, per_unit, start.size).mean(axis=1))
        return cls(units.shifted(reference - start), singles, left_out)

    def merged(self, other: EnsembleMoments) -> EnsembleMoments:
        """Return the moments of both parts of an ensemble together."""
        units = self.units.merged(other.units)
        same = self.singles is self.units and other.singles is other.units
        singles = units if same else self.singles.merged(other.singles)
        return replace(self, units=units, singles=singles, left_out=self.left_out + other.left_out)
