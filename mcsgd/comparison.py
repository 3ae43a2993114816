"""The mean endpoint against a flow: difference, standard errors, intervals, a test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.comparable import check_comparable
from mcsgd.display import MOST_NUMBERS, Shown, Table, counted, interval, number, p_value
from mcsgd.ensemble import Array, Ensemble
from mcsgd.flow import Flow
from mcsgd.statistics import Distance, t_exceeded, t_quantile

__all__ = [
    "Comparison",
    "compare",
    "coordinate_table",
    "distance_between",
    "distance_table",
    "flow_accuracy",
]

FLOW_ACCURACY = 1e-12
"""Error of an integrated endpoint, relative to its largest coordinate."""

SMALLEST = 1e-150  # its square is still a positive number
DISTANCES = "Distance of the mean endpoint to each flow's endpoint"


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """The mean endpoint against one flow's endpoint.

    Attributes
    ----------
    field : str
        Name of the flow's field.
    difference : (d,)
        Mean endpoint minus flow endpoint; NaN if the flow could not be integrated.
    standard_error : (d,)
        Of each coordinate of `difference`, in any of which the flow's own error may be; NaN if there is one
        independent unit only.
    interval : (d, 2)
        Confidence interval of each coordinate by itself.
    distance : float
        Euclidean norm of `difference`.
    distance_standard_error : float
        Standard error along the difference: that of `distance` where it is several times larger.
    distance_interval : (float, float)
        Confidence interval of the true distance; it begins at 0 exactly where the flow is
        compatible. See `mcsgd.statistics.Distance`.
    p_value : float
        Probability of a `distance` at least as large if the true mean were on the flow.
    confidence : float
    units : int
        Number of independent units: trajectories, pairs or sets.
    dof : float
        Degrees of freedom of the standard errors: one less than the units; inf where nothing is random.
    message : str
        Empty, or why the flow has no endpoint.
    """

    field: str
    difference: Array
    standard_error: Array
    interval: Array
    distance: float
    distance_standard_error: float
    distance_interval: tuple[float, float]
    p_value: float
    confidence: float
    units: int
    dof: float
    message: str = ""

    @property
    def z_scores(self) -> Array:
        """`difference` in standard errors, (d,); NaN where there are none."""
        return self.difference / self.standard_error

    @property
    def largest_by_chance(self) -> float:
        """What no coordinate's |z| exceeds, with probability `confidence`, if the mean is on the flow.

        Of all d of them together, whatever their correlations (Bonferroni): each exceeds it with a
        probability of (1 - confidence) / d. NaN if there is one independent unit only.
        """
        return t_exceeded(self.dof, (1 - self.confidence) / self.difference.size) if self.dof else math.nan

    @property
    def coordinates_off(self) -> tuple[int, ...]:
        """The coordinates whose |z| exceeds `largest_by_chance`, the farthest first.

        If the mean is on the flow there is none with probability `confidence`. There may be one where the
        distance is compatible, which sums over all coordinates, and in which the noisiest count most.
        """
        far = np.nan_to_num(np.abs(self.z_scores), nan=0.0)
        order = np.argsort(-far, kind="stable")
        return tuple(int(i) for i in order[far[order] > self.largest_by_chance])

    @property
    def compatible(self) -> bool | None:
        """Whether the flow is compatible with the mean in distance; None if that cannot be told."""
        return None if math.isnan(self.p_value) else self.p_value >= 1 - self.confidence

    @property
    def word(self) -> str:
        """Compatible, excluded, or a dash where that cannot be told."""
        return {True: "compatible", False: "excluded", None: "-"}[self.compatible]

    def tables(self) -> list[Table]:
        """Return the distance, and the difference in the first coordinates."""
        notes = [f"The flow {self.field} has no endpoint: it {self.message}."] if self.message else []
        return [
            distance_table([self], notes=notes),
            coordinate_table(self, MOST_NUMBERS),
        ]

    def __repr__(self) -> str:
        if self.message:
            return f"Comparison({self.field}, no endpoint: it {self.message})"
        distance = f"distance {number(self.distance, 3)}"
        if self.compatible is None:
            return f"Comparison({self.field}, {distance}, nothing can be told)"
        error, p = number(self.distance_standard_error, 1), p_value(self.p_value)
        return f"Comparison({self.field}, {distance} ± {error}, p {p}, {self.word})"

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not defined."""
        return {
            "field": self.field,
            "compatible": self.compatible,
            "distance": _plain(self.distance),
            "distance_standard_error": _plain(self.distance_standard_error),
            "distance_interval": _plain(self.distance_interval),
            "p_value": _plain(self.p_value),
            "confidence": self.confidence,
            "units": self.units,
            "difference": _plain(self.difference),
            "standard_error": _plain(self.standard_error),
            "interval": _plain(self.interval),
            "coordinates_off": list(self.coordinates_off),
            "message": self.message,
        }


def compare(
    cloud: Ensemble, flow: Flow, confidence: float = 0.95, accuracy: float = FLOW_ACCURACY
) -> Comparison:
    """Compare the mean endpoint with a flow.

    Defined for clouds of any rank, also for one trajectory (the standard error is then NaN and
    nothing can be told) and where all endpoints are the same (it is then the flow's own accuracy).

    Parameters
    ----------
    cloud : Ensemble
    flow : Flow
    confidence : float
        Between 0 and 1: of the intervals, and of the test that calls a flow compatible or not.
    accuracy : float
        Error of the flow's endpoint, relative to its largest coordinate; added to the standard error.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If `confidence` or `accuracy` is out of range, or the flow has another number of parameters or ends
        at another time.
    DivergedError
        If a trajectory diverged: the mean does not exist. `cloud.finished()` can be compared.

    Examples
    --------
    >>> import mcsgd
    >>> problem = mcsgd.problems.ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> settings = mcsgd.Settings(step_size=0.001, trajectories=1000)
    >>> cloud = mcsgd.simulate(problem, [1.0, 0.5], settings)
    >>> mcsgd.compare(cloud, mcsgd.integrate(problem, [1.0, 0.5], settings, "sgd")).compatible
    True
    >>> mcsgd.compare(cloud, mcsgd.integrate(problem, [1.0, 0.5], settings, "gradient")).compatible
    False
    """
    check_comparable(cloud, [flow], confidence)
    checks = Checks()
    checks.number("accuracy", accuracy, at_least=0)
    checks.done()
    difference = cloud.mean - flow.endpoint
    gap = distance_between(cloud, difference, flow, accuracy)
    numerical = flow_accuracy(cloud, flow, accuracy)
    standard_error = np.sqrt(np.diag(cloud.mean_covariance) + numerical**2)
    half_width = standard_error * (t_quantile(gap.dof, confidence) if gap.dof else math.nan)
    told = gap.dof > 0 and not flow.message
    return Comparison(
        field=flow.field,
        difference=difference,
        standard_error=standard_error,
        interval=np.stack([difference - half_width, difference + half_width], axis=1),
        distance=gap.value,
        distance_standard_error=gap.standard_error if told else math.nan,
        distance_interval=gap.interval(confidence) if told else (math.nan, math.nan),
        p_value=gap.p_value if told else math.nan,
        confidence=confidence,
        units=cloud.unit_count,
        dof=gap.dof,
        message=flow.message,
    )


def distance_between(
    cloud: Ensemble, difference: Array, flow: Flow, accuracy: float = FLOW_ACCURACY
) -> Distance:
    """Return a difference of the mean from a flow with its covariance and degrees of freedom."""
    numerical = flow_accuracy(cloud, flow, accuracy) ** 2 / difference.size * np.eye(difference.size)
    dof = math.inf if cloud.deterministic else cloud.unit_count - 1
    return Distance(difference, cloud.mean_covariance + numerical, dof)


def flow_accuracy(cloud: Ensemble, flow: Flow, accuracy: float = FLOW_ACCURACY) -> float:
    """Return the numerical error of a flow's endpoint, so much of the largest coordinate, or more."""
    scale = max(float(np.abs(w).max()) for w in (cloud.start, cloud.mean, flow.endpoint))
    return max(accuracy * scale, SMALLEST)


def distance_table(
    comparisons: Sequence[Comparison], caption: str = DISTANCES, notes: Sequence[str] = ()
) -> Table:
    """Return a line for each flow: how far the mean is from it, and whether that excludes it."""
    columns = ("flow", "distance", "std. error", _interval_name(comparisons), "p", "verdict")
    rows = [
        (
            c.field,
            number(c.distance, 3),
            number(c.distance_standard_error, 1),
            interval(c.distance_interval),
            p_value(c.p_value),
            c.word,
        )
        for c in comparisons
    ]
    return Table(caption, columns, rows, 4, notes)


def coordinate_table(comparison: Comparison, most: int | None = None) -> Table:
    """Return a line for each coordinate of the difference, or for the first of them."""
    most = comparison.difference.size if most is None else most
    columns = ("coordinate", "difference", "std. error", _interval_name([comparison]))
    numbers = zip(comparison.difference, comparison.standard_error, comparison.interval, strict=True)
    rows = [
        (str(index), number(difference, 3), number(error, 1), interval(ends))
        for index, (difference, error, ends) in zip(range(most), numbers, strict=False)
    ]
    more = comparison.difference.size - len(rows)
    notes = [f"and {counted(more, 'more coordinate')}"] if more else []
    return Table(f"Mean endpoint minus {comparison.field} flow, by coordinate", columns, rows, 3, notes)


def _interval_name(comparisons: Sequence[Comparison]) -> str:
    return f"{100 * comparisons[0].confidence:g}% interval" if comparisons else "interval"


def _plain(value: Any) -> Any:
    """Return nested lists with None for what is not a finite number."""
    if np.ndim(value):
        return [_plain(item) for item in value]
    return float(value) if math.isfinite(value) else None
