"""The mean endpoint of one rung, and its distance to a flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcsgd.comparison import FLOW_ACCURACY, SMALLEST
from mcsgd.ensemble import Array, Ensemble
from mcsgd.errors import DivergedError, InputError
from mcsgd.exact import exact_mean
from mcsgd.flow import Flow
from mcsgd.ladders.rungs import Rung
from mcsgd.simulation import simulate
from mcsgd.statistics import Distance

__all__ = ["BELOW", "MeanEndpoint", "Point", "covariance_of", "mean_endpoint", "point_of"]

AUTO_STEPS, MOST_STEPS = 1e7, 1e8
"""Gradient steps that an exact mean may take: unasked, about a second; asked."""
MOST_BYTES = 2**30
"""Of a cloud that is kept for the covariance between rungs."""
LEAST_ERRORS = 2.0
"""Standard errors that a distance must stand out by."""
MONTE_CARLO = "Monte Carlo"
BELOW = "below two standard errors"


@dataclass(frozen=True, eq=False)
class MeanEndpoint:
    """A mean endpoint (d,) with its covariance and degrees of freedom.

    `deviations` (units, d) are those of every unit from the mean, if the cloud was kept. `message` is empty,
    or why nothing can be told from this mean.
    """

    method: str
    start: Array
    mean: Array
    covariance: Array
    dof: float
    deviations: Array | None = None
    message: str = ""


@dataclass(frozen=True, eq=False)
class Point:
    """A distance on a ladder.

    `along` (units,) are the units' deviations along the difference; `left_out` is empty, or why the
    distance cannot be used.
    """

    distance: float
    standard_error: float
    dof: float
    endpoint: Array
    along: Array | None = None
    left_out: str = ""


def mean_endpoint(
    rung: Rung, start: Array, exact: Any, workers: int, report: Callable[[int, int], None]
) -> MeanEndpoint:
    """Return the mean endpoint: exact where it is wanted and can be had, else Monte Carlo.

    Raises
    ------
    InputError
        If `exact` is True and there is no exact method.
    """
    none = np.zeros((start.size, start.size))
    try:
        if exact:
            steps = MOST_STEPS if exact is True else AUTO_STEPS
            answer = exact_mean(rung.problem, start, rung.settings, steps)
            return MeanEndpoint(answer.method, start, answer.mean, none, math.inf)
    except DivergedError as error:
        return MeanEndpoint("exact", start, start, none, math.inf, message=str(error))
    except InputError:
        if exact is True:
            raise
    keep = rung.settings.cloud_bytes(rung.problem) <= MOST_BYTES
    cloud = simulate(rung.problem, start, rung.settings, workers=workers, progress=report, keep_cloud=keep)
    if cloud.diverged:
        text = f"{cloud.diverged} of {cloud.count} trajectories diverged"
        return MeanEndpoint(MONTE_CARLO, start, start, none, 0, message=text)
    dof = math.inf if cloud.deterministic else cloud.unit_count - 1
    text = "" if dof else f"one {cloud.unit_name} gives no standard error"
    deviations = _deviations(cloud) if keep and not cloud.deterministic else None
    return MeanEndpoint(MONTE_CARLO, start, cloud.mean, cloud.mean_covariance, dof, deviations, text)


def _deviations(cloud: Ensemble) -> Array:
    rows = (cloud.endpoints - cloud.mean).reshape(-1, cloud.trajectories_per_unit, cloud.start.size)
    return np.asarray(rows.mean(axis=1))


def point_of(mean: MeanEndpoint, flow: Flow) -> Point:
    """Return the distance of a mean endpoint to a flow's."""
    if mean.message or flow.message:
        reason = mean.message or f"the flow {flow.message}"
        return Point(math.nan, math.nan, mean.dof, flow.endpoint, left_out=reason)
    difference = mean.mean - flow.endpoint
    scale = max(float(np.abs(w).max()) for w in (mean.start, mean.mean, flow.endpoint))
    accuracy = max(FLOW_ACCURACY * scale, SMALLEST) ** 2 / difference.size * np.eye(difference.size)
    gap = Distance(difference, mean.covariance + accuracy, mean.dof)
    distance, error = gap.debiased
    along = None
    if mean.deviations is not None and gap.value > 0:
        along = mean.deviations @ (difference / gap.value)
    reason = BELOW if distance < LEAST_ERRORS * error else ""
    return Point(distance, error, mean.dof, flow.endpoint, along, reason)


def covariance_of(points: Sequence[Point]) -> Array:
    """Return the covariance of the distances of several rungs, (n, n).

    Unit i of one rung and unit i of another may have the same orders; all others are independent.
    """
    result = np.diag([point.standard_error**2 for point in points])
    for i, one in enumerate(points):
        for j, other in enumerate(points[:i]):
            if one.along is not None and other.along is not None:
                fewer, more = sorted((len(one.along), len(other.along)))
                product = float(one.along[:fewer] @ other.along[:fewer])
                result[i, j] = result[j, i] = product / ((fewer - 1) * more)
    return result
