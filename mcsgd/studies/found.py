"""What is kept of one point of a study, and what of it is looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsgd.ladders.gaps import Gap, MeanEndpoint, gap_of
from mcsgd.moments import Node
from mcsgd.run import Run
from mcsgd.settings import Settings

Array = NDArray[np.float64]

__all__ = ["MONTE_CARLO", "Exact", "Found", "PointResult"]

MONTE_CARLO = "Monte Carlo"


@dataclass(frozen=True, eq=False)
class Exact:
    """An exact mean endpoint.

    Attributes
    ----------
    method : str
    mean : (d,)
        NaN if it does not exist.
    covariance : (d, d)
        Of single endpoints.
    message : str
        Empty, or why the mean does not exist.
    """

    method: str
    mean: Array
    covariance: Array
    message: str = ""


@dataclass(frozen=True, eq=False)
class PointResult:
    """What was measured at one point of a study.

    Attributes
    ----------
    at : dict
        Its coordinates.
    settings : Settings
    start : (d,)
    method : str
        The exact method, or "Monte Carlo".
    count, diverged : int
        Trajectories, and how many of them diverged; 0 where the mean is exact.
    flow_time : float
        epochs * m * eps.
    range_number : float
        m eps lambda_max at the start; NaN for Adam.
    mean, standard_error : (d,)
        Of the endpoint; NaN if it does not exist.
    gaps : dict of Gap
        Distance to each flow, by field.
    """

    at: Mapping[str, Any]
    settings: Settings
    start: Array
    method: str
    count: int
    diverged: int
    flow_time: float
    range_number: float
    mean: Array
    standard_error: Array
    gaps: Mapping[str, Gap]


@dataclass(frozen=True, eq=False)
class Found:
    """All that is kept of a point: a run whose units are in bins, or a run's head and an exact mean.

    Attributes
    ----------
    run : Run
        Of its flows, the start and the end.
    nodes : tuple of Node
        Moments that more trajectories can be added to; none where the mean is exact.
    range_number : float
    exact : Exact or None
    """

    run: Run
    nodes: tuple[Node, ...]
    range_number: float
    exact: Exact | None = None

    @property
    def fingerprint(self) -> str:
        """What the point is known by."""
        return self.run.cloud.fingerprint

    @property
    def count(self) -> int:
        """Trajectories."""
        return 0 if self.exact else self.run.cloud.count

    def mean_endpoint(self) -> MeanEndpoint:
        """Return the mean with its noise."""
        cloud = self.run.cloud
        none = np.zeros((cloud.start.size, cloud.start.size))
        if self.exact is not None:
            return MeanEndpoint(cloud.start, self.exact.mean, none, math.inf, message=self.exact.message)
        if cloud.diverged:
            text = f"{cloud.diverged} of {cloud.count} trajectories diverged"
            return MeanEndpoint(cloud.start, np.full_like(cloud.start, np.nan), none, 0, message=text)
        dof = math.inf if cloud.deterministic else cloud.unit_count - 1
        text = "" if dof else f"one {cloud.unit_name} gives no standard error"
        bins = cloud.moments.bins
        return MeanEndpoint(cloud.start, cloud.mean, cloud.mean_covariance, dof, bins, text)

    def result(self, at: Mapping[str, Any]) -> PointResult:
        """Return what is looked at, which is small where there are many parameters."""
        cloud, mean = self.run.cloud, self.mean_endpoint()
        error = np.sqrt(np.diag(mean.covariance))
        return PointResult(
            at=at,
            settings=cloud.settings,
            start=cloud.start,
            method=self.exact.method if self.exact else MONTE_CARLO,
            count=self.count,
            diverged=0 if self.exact else cloud.diverged,
            flow_time=cloud.flow_time,
            range_number=self.range_number,
            mean=mean.mean,
            standard_error=np.where(np.isnan(mean.mean), np.nan, error),
            gaps={name: gap_of(mean, flow) for name, flow in self.run.flows.items()},
        )
