"""The distance of a mean endpoint to a flow, and how its noise goes with that of other means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsgd.comparison import FLOW_ACCURACY, SMALLEST
from mcsgd.flow import Flow
from mcsgd.moments import Bins
from mcsgd.statistics import Distance

Array = NDArray[np.float64]

__all__ = ["BELOW", "Gap", "MeanEndpoint", "Noise", "covariance_of", "gap_of"]

LEAST_ERRORS = 2.0
"""Standard errors that a distance must stand out by."""
BELOW = "below two standard errors"


@dataclass(frozen=True, eq=False)
class MeanEndpoint:
    """A mean endpoint with its noise.

    Attributes
    ----------
    start, mean : (d,)
    covariance : (d, d)
        Of the mean.
    dof : float
        Degrees of freedom of `covariance`; infinite where there is no noise.
    bins : Bins or None
        Of the units, as deviations from the start.
    message : str
        Empty, or why nothing can be told from this mean.
    """

    start: Array
    mean: Array
    covariance: Array
    dof: float
    bins: Bins | None = None
    message: str = ""


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of a distance, as the bins of units show it.

    Attributes
    ----------
    error : float
        Standard error along the difference, estimated from all units.
    deviations, counts : (b,)
        Of the filled bins, in order: mean deviation along the difference, and number of units.
    """

    error: float
    deviations: Array
    counts: NDArray[np.int64]

    @property
    def binned_error(self) -> float:
        """Standard error along the difference, estimated from the bins alone."""
        square = float(self.counts @ self.deviations**2)
        return math.sqrt(max(square / (len(self.counts) - 1) / self.counts.sum(), SMALLEST))

    def shared(self, other: Noise) -> float:
        """Return the covariance with the noise of another distance.

        Units i of both may have the same orders, and are then in the same bin. Where the means of bins of n
        and n' units are, of which the fewer are common, their covariance is c/max(n, n') if that of
        single units is c.
        """
        common = min(len(self.counts), len(other.counts))
        if common < 2:
            return 0.0
        most = np.maximum(self.counts[:common], other.counts[:common])
        unit = float(most @ (self.deviations[:common] * other.deviations[:common])) / (common - 1)
        scale = self.error / self.binned_error * other.error / other.binned_error
        return unit * scale / float(max(self.counts.sum(), other.counts.sum()))


@dataclass(frozen=True, eq=False)
class Gap:
    """The distance of a mean endpoint to a flow.

    Attributes
    ----------
    distance : float
        Without what noise across the difference adds; NaN where there is none.
    standard_error : float
    dof : float
    endpoint : (d,)
        Of the flow.
    noise : Noise or None
        Along the difference, where bins of units are known.
    left_out : str
        Empty, or why the distance cannot be used.
    """

    distance: float
    standard_error: float
    dof: float
    endpoint: Array
    noise: Noise | None = None
    left_out: str = ""


def gap_of(mean: MeanEndpoint, flow: Flow) -> Gap:
    """Return the distance of a mean endpoint to a flow's."""
    if mean.message or flow.message:
        reason = mean.message or f"the flow {flow.message}"
        return Gap(math.nan, math.nan, mean.dof, flow.endpoint, left_out=reason)
    difference = mean.mean - flow.endpoint
    scale = max(float(np.abs(w).max()) for w in (mean.start, mean.mean, flow.endpoint))
    accuracy = max(FLOW_ACCURACY * scale, SMALLEST) ** 2 / difference.size * np.eye(difference.size)
    found = Distance(difference, mean.covariance + accuracy, mean.dof)
    distance, error = found.debiased
    reason = BELOW if distance < LEAST_ERRORS * error else ""
    if mean.bins is None or math.isinf(mean.dof) or found.value == 0:
        return Gap(distance, error, mean.dof, flow.endpoint, left_out=reason)
    filled, direction = mean.bins.count > 0, difference / found.value
    deviations = (mean.bins.mean[filled] - (mean.mean - mean.start)) @ direction
    along = math.sqrt(max(float(direction @ mean.covariance @ direction), 0.0))
    noise = Noise(along, deviations, mean.bins.count[filled])
    dof = min(mean.dof, len(noise.counts) - 1)
    return Gap(distance, error, dof, flow.endpoint, noise, reason)


def covariance_of(gaps: Sequence[Gap]) -> Array:
    """Return the covariance of the distances of several points, (n, n).

    Noise along the differences may be shared; noise across them is taken as independent.
    """
    result = np.diag([gap.standard_error**2 for gap in gaps])
    for i, one in enumerate(gaps):
        for j, other in enumerate(gaps[:i]):
            if one.noise is not None and other.noise is not None:
                result[i, j] = result[j, i] = one.noise.shared(other.noise)
    return result
