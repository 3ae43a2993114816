"""The endpoint cloud, and the statistics of its mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import DivergedError
from mcsgd.moments import EnsembleMoments, finished_units
from mcsgd.origin import Origin
from mcsgd.rows import Kept, Rows, pieces
from mcsgd.schemes import DESIGNS
from mcsgd.settings import Settings

Array: TypeAlias = NDArray[np.float64]
Values = TypeVar("Values", bound=np.generic)

__all__ = ["Ensemble"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Endpoints of SGD trajectories from one start.

    The independent unit is the trajectory, the pair for reversed pairs, the set for balanced sets:
    standard errors are those of the mean over units. If a trajectory diverged, the mean over all
    orders does not exist, and asking for it raises `DivergedError`; `finished()` is the explicit way
    to the statistics conditional on finishing.

    Where the ensemble is in a file, endpoints and all else that is as long as there are trajectories are read
    when they are first asked for; the statistics do not need them.

    Attributes
    ----------
    origin : Origin
    rows : Kept, optional
        The trajectories; None where moments alone were kept.
    known_moments : EnsembleMoments, optional
        Moments of all trajectories, where they are known already.
    left_out : int
        Trajectories left out by `finished()`; statistics are conditional if it is not 0.
    first_paths : (settings.paths, steps + 1, d), optional
        Where the rows are not kept, their `paths`.
    """

    origin: Origin
    rows: Kept | None
    known_moments: EnsembleMoments | None = None
    left_out: int = 0
    first_paths: Array | None = None

    @property
    def settings(self) -> Settings:
        """Settings of the run."""
        return self.origin.settings

    @property
    def start(self) -> Array:
        """Where every trajectory starts, (d,)."""
        return self.origin.start

    @property
    def flow_time(self) -> float:
        """Time of the flow to compare with, epochs * m * eps."""
        return self.origin.flow_time

    @property
    def batches(self) -> int:
        """Number of batches, m."""
        return self.origin.batches

    @property
    def fingerprint(self) -> str:
        """Hash of all that determines a trajectory's bytes; equal for equal trajectories."""
        return self.origin.fingerprint

    @property
    def stream_version(self) -> int:
        """Version of the random stream that the orders were drawn from."""
        return self.origin.stream_version

    @property
    def kept(self) -> bool:
        """Whether the endpoints were kept, not their moments alone."""
        return self.rows is not None

    @cached_property
    def endpoints(self) -> Array:
        """Row i is trajectory i, (n, d); NaN where it diverged. None of them, if they were not kept."""
        return np.empty((0, self.start.size)) if self.rows is None else self._chosen(self.rows.endpoints)

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """0 finished, 1 diverged, (n,)."""
        return np.empty(0, np.uint8) if self.rows is None else self._chosen(self.rows.status)

    @cached_property
    def snapshots(self) -> Array:
        """Parameters after the chosen epochs, (n, len(settings.snapshots), d)."""
        return np.empty((0, 0, self.start.size)) if self.rows is None else self._chosen(self.rows.snapshots)

    @cached_property
    def corrected(self) -> Array | None:
        """The endpoints less their control variate, where there is one, (n, d).

        The mean and its standard error are then of these, and all else, as `covariance`, of the
        trajectories' own endpoints.
        """
        corrected = None if self.rows is None else self.rows.corrected
        return None if corrected is None else self._chosen(corrected)

    @property
    def is_corrected(self) -> bool:
        """Whether there are corrected endpoints, of which the mean then is."""
        return self.rows is not None and self.rows.is_corrected

    @property
    def paths(self) -> Array:
        """Every step of the first trajectories, (settings.paths, steps + 1, d)."""
        if self.rows is not None:
            return self.rows.paths
        return np.empty((0, 0, self.start.size)) if self.first_paths is None else self.first_paths

    @property
    def finished_paths(self) -> Array:
        """Those of `paths` whose trajectories did not diverge."""
        paths = self.paths
        if self.rows is None or not len(paths):
            return paths
        return np.asarray(paths[self.rows.part(0, len(paths)).status == 0])

    def _chosen(self, values: NDArray[Values]) -> NDArray[Values]:
        """Return what there is of the trajectories that are not left out."""
        return values if self.rows is None else self._chosen_of(self.rows, values)

    def _chosen_of(self, rows: Kept | Rows, values: NDArray[Values]) -> NDArray[Values]:
        """Return, of some trajectories, what there is of those that are not left out."""
        if not self.left_out:
            return values
        kept: NDArray[Values] = values[finished_units(rows.status, self.trajectories_per_unit)]
        return kept

    def endpoint_parts(self) -> Iterator[Array]:
        """Yield `endpoints` in parts of whole units that fit into memory."""
        for rows in self._parts():
            yield self._chosen_of(rows, rows.endpoints)

    def first_endpoints(self, most: int) -> Array:
        """Return so many of the first endpoints, (most, d), or all if there are fewer; no others are read."""
        found, count = [np.empty((0, self.start.size))], 0
        for part in self.endpoint_parts():
            found.append(part[: most - count])
            count += len(part)
            if count >= most:
                break
        return np.concatenate(found)

    def snapshot_parts(self) -> Iterator[Array]:
        """Yield `snapshots` in the same parts."""
        for rows in self._parts():
            yield self._chosen_of(rows, rows.snapshots)

    def _parts(self) -> Iterator[Rows]:
        if self.rows is not None:
            yield from pieces([self.rows], 0, self.rows.stop, self.origin.leaf)

    @cached_property
    def moments(self) -> EnsembleMoments:
        """Moments of the units that finished, and how many trajectories did not."""
        if self.known_moments is not None:
            return self.known_moments
        return self.origin.tree(map(self.origin.node, self._parts())).total

    @property
    def count(self) -> int:
        """Number of trajectories, those left out aside."""
        return self.settings.trajectories - self.left_out

    @property
    def diverged(self) -> int:
        """Number of trajectories that grew beyond all bounds (1e60), to infinity or NaN."""
        if self.left_out or self.rows is None or self.known_moments is not None:
            return 0 if self.left_out else self.moments.diverged
        return int(np.count_nonzero(self.rows.status))

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
        return self.origin.trajectories_per_unit

    def finished(self) -> Ensemble:
        """Return the units all of whose trajectories finished."""
        return replace(self, known_moments=self.moments, left_out=self.moments.left_out)

    @property
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
        return self.moments

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
        tail += ", moments only" if not self.kept else ""
        tail += ", corrected" if self.is_corrected else ""
        return f"Ensemble({self.count} trajectories, {self.start.size} parameters{tail})"
