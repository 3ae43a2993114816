"""The width of the cloud of endpoints against the predicted one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.display import Shown, Table, number
from mcsgd.ensemble import Array, Ensemble
from mcsgd.moments import Moments

__all__ = ["CovarianceComparison", "compare_covariance"]

ROUNDING = 1e-14
"""Of an endpoint, relative to its largest coordinate."""


@dataclass(frozen=True, eq=False)
class CovarianceComparison(Shown):
    """Standard deviations of single endpoints, sampled and predicted.

    Attributes
    ----------
    sample, predicted : (d,)
        Of each coordinate.
    sample_total, predicted_total : float
        Of all coordinates together: the roots of the traces of the covariances.
    ratio : float
        sample_total / predicted_total; NaN if no spread is predicted, or one within rounding errors. The
        prediction leaves out a relative part of order eps, so the ratio is 1 + O(eps).
    ratio_standard_error : float
        Of the sample; NaN for one independent unit.
    """

    sample: Array
    predicted: Array
    sample_total: float
    predicted_total: float
    ratio: float
    ratio_standard_error: float

    def tables(self) -> list[Table]:
        """Return a line for each coordinate, and the sentence about all of them below."""
        pairs = enumerate(zip(self.sample, self.predicted, strict=True))
        rows = [(str(index), *(number(width, 3) for width in pair)) for index, pair in pairs]
        columns = "coordinate", "std. deviation", "predicted"
        caption = "Standard deviation of the endpoints, by coordinate"
        return [Table(caption, columns, rows, right=2, notes=[str(self)])]

    def __str__(self) -> str:
        sample = f"Standard deviation of the endpoints, all coordinates together: {self.sample_total:.3e}"
        if math.isnan(self.ratio):
            return f"{sample}; none is predicted."
        known = math.isfinite(self.ratio_standard_error)
        error = f" ± {self.ratio_standard_error:.1g}" if known else ""
        return f"{sample}, {self.ratio:#.4g}{error} times the predicted {self.predicted_total:.3e}."

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers and lists; None for what is not defined."""
        return {
            "sample_standard_deviation": self.sample_total,
            "predicted_standard_deviation": self.predicted_total,
            "ratio": self.ratio if math.isfinite(self.ratio) else None,
            "ratio_standard_error": (
                self.ratio_standard_error if math.isfinite(self.ratio_standard_error) else None
            ),
            "sample_by_coordinate": self.sample.tolist(),
            "predicted_by_coordinate": self.predicted.tolist(),
        }


def compare_covariance(cloud: Ensemble, predicted: Array) -> CovarianceComparison:
    """Compare the sample covariance of single endpoints with a predicted one.

    Parameters
    ----------
    cloud : Ensemble
        Of at least two trajectories. A control variate makes no difference: this is about the endpoints
        as simulated.
    predicted : (d, d)
        From `mcsgd.theory.predicted_covariance`, or as kept in a run.

    Returns
    -------
    CovarianceComparison

    Raises
    ------
    InputError
        If the prediction has another shape or negative variances, or there is no sample to compare it
        with: one trajectory.
    DivergedError
        If a trajectory diverged. `cloud.finished()` can be compared.

    Examples
    --------
    >>> import mcsgd
    >>> problem = mcsgd.problems.ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> settings = mcsgd.Settings(step_size=0.001, trajectories=1000)
    >>> cloud = mcsgd.simulate(problem, [1.0, 0.5], settings)
    >>> predicted = mcsgd.theory.predicted_covariance(problem, [1.0, 0.5], settings)
    >>> 0.9 < compare_covariance(cloud, predicted).ratio < 1.1
    True
    """
    checks, d = Checks(), cloud.start.size
    expected = checks.array("predicted", predicted, (d, d), "a covariance")
    if expected.diagonal().min() < 0:
        checks.fail("predicted", f"must have variances >= 0, got {expected.diagonal().min():g}")
    if cloud.count == 1:
        checks.fail("cloud", "must have at least two trajectories, got 1")
    checks.done()
    variances, expected_variances = cloud.covariance.diagonal(), expected.diagonal()
    total, expected_total = math.sqrt(variances.sum()), math.sqrt(expected_variances.sum())
    rounding = ROUNDING * max(float(np.abs(w).max()) for w in (cloud.start, cloud.mean))
    ratio = total / expected_total if expected_total > rounding else math.nan
    return CovarianceComparison(
        sample=np.sqrt(variances),
        predicted=np.sqrt(expected_variances),
        sample_total=total,
        predicted_total=expected_total,
        ratio=ratio,
        ratio_standard_error=ratio * _relative_error(cloud),
    )


def _relative_error(cloud: Ensemble) -> float:
    """Return the relative standard error of the root of the sample's trace: half that of the trace.

    From the spread over units of their mean squared distance from the mean; where only moments are kept,
    as if endpoints were normal, with one for each unit.
    """
    units, covariance = cloud.unit_count, cloud.covariance
    trace = float(np.trace(covariance))
    if units < 2 or not trace > 0:
        return math.nan
    if not cloud.kept:
        return math.sqrt(float(np.sum(covariance**2)) / (2 * (units - 1))) / trace
    mean, spread = cloud.start + cloud.statistics.singles.mean, Moments(0, np.zeros(1), np.zeros((1, 1)))
    for endpoints in cloud.endpoint_parts():
        gaps = endpoints - mean
        squares = np.einsum("ij,ij->i", gaps, gaps).reshape(-1, cloud.trajectories_per_unit)
        spread = spread.merged(Moments.of(squares.mean(axis=1)[:, None]))
    return math.sqrt(float(spread.covariance[0, 0]) / units) / (2 * trace)
