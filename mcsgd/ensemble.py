"""The endpoint cloud, and the statistics of its mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import DivergedError
from mcsgd.moments import EnsembleMoments
from mcsgd.schemes import DESIGNS
from mcsgd.settings import Settings

Array: TypeAlias = NDArray[np.float64]

__all__ = ["Ensemble"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Endpoints of SGD trajectories from one start.

    The independent unit is the trajectory, the pair for reversed pairs, the set for balanced sets:
    standard errors are those of the mean over units. If a trajectory diverged, the mean over all
    orders does not exist, and asking for it raises `DivergedError`; `finished()` is the explicit way
    to the statistics conditional on finishing.

    Attributes
    ----------
    settings : Settings
    start : (d,)
    endpoints : (n, d)
        Row i is trajectory i; NaN where it diverged.
    status : (n,) uint8
        0 finished, 1 diverged.
    snapshots : (n, len(settings.snapshots), d)
        Parameters after the chosen epochs.
    paths : (settings.paths, steps + 1, d)
        Every step of the first trajectories.
    flow_time : float
        Time of the flow to compare with, epochs * m * eps.
    batches : int
        Number of batches, m.
    fingerprint : str
        Hash of all that determines a trajectory's bytes: problem, start, settings, seed, stream.
    stream_version : int
        Version of the random stream that the orders were drawn from.
    left_out : int
        Trajectories left out by `finished()`; statistics are conditional if it is not 0.
    moments : EnsembleMoments or None
        All that is kept of the endpoints, if the cloud is not: then endpoints and status are empty.
    corrected : (n, d) or None
        The endpoints less their control variate, where there is one: the mean and its standard error are then
        of these, and all else, as `covariance`, of the trajectories' own endpoints.
    """

    settings: Settings
    start: Array
    endpoints: Array
    status: NDArray[np.uint8]
    snapshots: Array
    paths: Array
    flow_time: float
    batches: int
    fingerprint: str
    stream_version: int
    left_out: int = 0
    moments: EnsembleMoments | None = None
    corrected: Array | None = None

    @property
    def count(self) -> int:
        """Number of trajectories, those left out aside."""
        if self.moments is None:
            return len(self.endpoints)
        return self.moments.singles.count + self.moments.left_out - self.left_out

    @property
    def diverged(self) -> int:
        """Number of trajectories that grew beyond all bounds (1e60), to infinity or NaN.

        Where only moments are kept: of those that did, and the others of their pairs or sets.
        """
        if self.moments is None:
            return int(np.count_nonzero(self.status))
        return self.moments.left_out - self.left_out

    @property
    def deterministic(self) -> bool:
        """Whether all trajectories are the same by construction: one is then the exact mean."""
        return not self.settings.random or self.batches == 1

    @property
    def unit_name(self) -> str:
        """Name of the independent unit."""
        return DESIGNS[self.settings.design].unit

    @property
    def trajectories_per_unit(self) -> int:
        """Number of trajectories in an independent unit."""
        return self.settings.trajectories_per_unit(self.batches)

    def finished(self) -> Ensemble:
        """Return the units all of whose trajectories finished."""
        if self.moments is not None:
            return replace(self, left_out=self.moments.left_out)
        size = self.trajectories_per_unit
        keep = np.repeat((self.status.reshape(-1, size) == 0).all(axis=1), size)
        return replace(
            self,
            endpoints=self.endpoints[keep],
            status=self.status[keep],
            snapshots=self.snapshots[keep],
            corrected=None if self.corrected is None else self.corrected[keep],
            left_out=self.left_out + int(np.count_nonzero(~keep)),
        )

    @cached_property
    def statistics(self) -> EnsembleMoments:
        """Moments of the endpoints.

        Raises
        ------
        DivergedError
            If a trajectory diverged.
        """
        if self.diverged:
            raise DivergedError(
                f"{self.diverged} of {self.count} trajectories diverged: the mean over all orders does "
                "not exist. Take a smaller step size, or finished() for statistics conditional on finishing"
            )
        if not self.count:
            raise DivergedError(f"none of the {self.left_out} trajectories finished: there are no statistics")
        if self.moments is not None:
            return self.moments
        own, per_unit = self.endpoints, self.trajectories_per_unit
        moments = EnsembleMoments.of(own, self.status, self.start, per_unit)
        if self.corrected is None:
            return moments
        units = EnsembleMoments.of(self.corrected, self.status, self.start, per_unit).units
        return replace(moments, units=units)

    @property
    def unit_count(self) -> int:
        """Number of independent units."""
        return self.statistics.units.count

    @cached_property
    def mean(self) -> Array:
        """Mean endpoint, (d,)."""
        return np.asarray(self.start + self.statistics.units.mean)

    @cached_property
    def mean_covariance(self) -> Array:
        """Estimated covariance of `mean` (d, d): of the units, over their number. NaN for one unit."""
        units = self.statistics.units
        if self.deterministic:
            return np.zeros((self.start.size, self.start.size))
        return np.asarray(units.covariance / units.count)

    @cached_property
    def standard_error(self) -> Array:
        """Standard error of `mean`, (d,); NaN for one unit, 0 where there is no randomness."""
        return np.asarray(np.sqrt(np.diag(self.mean_covariance)))

    @cached_property
    def covariance(self) -> Array:
        """Sample covariance of single endpoints, (d, d)."""
        return self.statistics.singles.covariance

    def __repr__(self) -> str:
        tail = f", {self.diverged} diverged" if self.diverged else ""
        tail += f", {self.left_out} diverged left out" if self.left_out else ""
        tail += ", moments only" if self.moments is not None else ""
        tail += ", corrected" if self.corrected is not None else ""
        return f"Ensemble({self.count} trajectories, {self.start.size} parameters{tail})"
