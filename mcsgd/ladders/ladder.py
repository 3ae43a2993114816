"""The order of modified flows, measured over a ladder of one setting.

Theory says of each flow how fast its distance to the mean endpoint falls with the step size: |mean - flow| ~
eps^p. A study measures the distance at several rungs, the slopes between neighbours, and fits p.

All rungs have the same seed: trajectory i draws the same orders in all of them, as long as there are as many
batches and epochs. The noise of neighbouring rungs is then nearly the same but for its size, and cancels
in their slope. From a kept cloud its covariance is estimated, of the independent units' deviations along each
rung's difference, whatever the ladder varies; of moments alone it is not known and taken as none, which
makes the errors of slopes too large rather than too small. Noise across the difference, which is small
where the distance can be used, is always taken as independent.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.ensemble import Array
from mcsgd.errors import McsgdWarning
from mcsgd.ladders.fit import fit_order, local_slopes
from mcsgd.ladders.points import BELOW, Point, covariance_of, mean_endpoint, point_of
from mcsgd.ladders.result import FieldOrder, Study
from mcsgd.ladders.rungs import VARIED, Rung, exact_choice, make_rungs
from mcsgd.machine import available_cores
from mcsgd.problems.base import Problem
from mcsgd.progress import Progress, shown
from mcsgd.schemes import ORDERED
from mcsgd.settings import Settings
from mcsgd.theory import FIELDS, default_fields, integrate, largest_curvature

__all__ = ["Study", "study"]

SURE = 4.0
"""Standard errors that make sure of a rung."""
ASYMPTOTIC, USELESS = 0.3, 3.0


def study(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    vary: str = "step_size",
    values: Sequence[float] = (),
    fields: Iterable[str] | None = None,
    fixed_time: bool = False,
    exact: bool | str = "auto",
    confidence: float = 0.95,
    workers: int | None = None,
    progress: bool | Progress = False,
) -> Study:
    """Measure how the distance of the mean endpoint to each flow falls over a ladder of one setting.

    Parameters
    ----------
    problem : Problem
    start : (d,)
    settings : Settings
        Of all rungs, but for what varies. Snapshots and paths are not kept.
    vary : {"step_size", "epochs", "batch_size", "substeps", "momentum"}
    values : sequence of float
        Two or more, ascending or descending.
    fields : sequence of str, optional
        Keys of `mcsgd.theory.FIELDS`; by default those that theory has for the settings.
    fixed_time : bool
        Keep epochs * m * eps: smaller steps get more epochs, more epochs smaller steps, smaller batches
        smaller steps.
    exact : {"auto", True, False}
        Whether means are those over all orders (`mcsgd.exact_mean`); "auto": in those rungs where that takes
        at most 1e7 gradient steps. Their error is the flow's accuracy alone.
    confidence : float
        Of the fitted orders' intervals.
    workers : int, optional
        As in `simulate`.
    progress : bool or callable
        As in `simulate`, with the trajectories of all rungs.

    Returns
    -------
    Study
        Rungs below two standard errors are named, and not in the fit; nor are those where a trajectory
        diverged. Where fewer than two are left there is no fit. By chance, a rung of nothing but noise stands
        out by two standard errors in one of 20 to 40 studies, and with it its neighbours, whose noise is
        the same.

    Raises
    ------
    InputError
        With all that is wrong; of exact=True, if a rung has no exact method.

    Warns
    -----
    McsgdWarning
        Where m eps lambda_max leaves the asymptotic range, and what `integrate` warns of.

    Examples
    --------
    >>> import mcsgd
    >>> problem = mcsgd.problems.ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> steps = [0.004, 0.002, 0.001]
    >>> found = mcsgd.study(problem, [1.0, 0.5], mcsgd.Settings(0.004), values=steps)
    >>> {one.field: round(one.order, 1) for one in found.fields}
    {'gradient': 2.0, 'gd': 2.0, 'sgd': 3.0, 'second-order': 4.0}
    """
    checks = Checks()
    w0 = checks.array("start", start, (problem.parameters,), "one number for each parameter")
    threads = checks.integer("workers", available_cores() if workers is None else workers, at_least=1)
    checks.number("confidence", confidence, above=0, at_most=1 - 1e-12)
    exactly = exact_choice(checks, "exact", exact)
    chosen = [checks.choice(f"fields[{i}]", name, FIELDS) for i, name in enumerate(fields or ())]
    own = Checks()
    rungs = make_rungs(own, problem, settings, vary, values, fixed_time)
    checks.issues += own.issues
    checks.done()
    names = tuple(dict.fromkeys(chosen)) if fields is not None else default_fields(problem, settings)
    points, methods, caught = _measure(rungs, w0, names, exactly, threads, progress)
    range_numbers = np.array([_range_number(rung, w0) for rung in rungs])
    said = list(dict.fromkeys([*caught, *_range_warnings(vary, rungs, range_numbers)]))
    for text in said:
        warnings.warn(text, McsgdWarning, stacklevel=2)
    sizes = np.array([rung.size for rung in rungs], float)
    ladders = [list(column) for column in zip(*points, strict=True)]
    return Study(
        vary=vary,
        values=np.array([rung.value for rung in rungs], float),
        sizes=sizes,
        size_name="step size" if vary == "epochs" and fixed_time else VARIED[vary].size,
        range_numbers=range_numbers,
        methods=tuple(methods),
        fields=tuple(
            _field_order(name, sizes, range_numbers, ladder, ladders[-1], settings, confidence)
            for name, ladder in zip(names, ladders, strict=True)
        ),
        trajectories=settings.trajectories,
        confidence=confidence,
        warnings=tuple(said),
    )


def _measure(
    rungs: list[Rung], start: Array, fields: Sequence[str], exact: Any, workers: int, progress: Any
) -> tuple[list[list[Point]], list[str], list[str]]:
    """Return the distances of each rung to each flow, the methods, and what integrating warned of."""
    points, methods = [], []
    total = sum(rung.settings.trajectories for rung in rungs)
    with shown(progress) as report, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", McsgdWarning)
        for i, rung in enumerate(rungs):
            before = i * rung.settings.trajectories
            mean = mean_endpoint(rung, start, exact, workers, _shifted(report, before, total))
            flows = [integrate(rung.problem, start, rung.settings, field) for field in fields]
            points.append([point_of(mean, flow) for flow in flows])
            methods.append(mean.method)
            report(before + rung.settings.trajectories, total)
    return points, methods, [str(warning.message) for warning in caught]


def _shifted(report: Progress, before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: report(before + done, total)


def _field_order(
    name: str,
    sizes: Array,
    range_numbers: Array,
    points: list[Point],
    best: list[Point],
    settings: Settings,
    confidence: float,
) -> FieldOrder:
    """Fit the order of one field; `best` is the ladder of the field that theory has as the most accurate."""
    used = np.array([not point.left_out for point in points])
    distance = np.array([point.distance for point in points])
    covariance = covariance_of(points)
    slopes, errors = local_slopes(sizes, np.where(used, distance, np.nan), covariance)
    order = FieldOrder(
        field=name,
        distance=distance,
        standard_error=np.array([point.standard_error for point in points]),
        slopes=slopes,
        slope_errors=errors,
        left_out=tuple(point.left_out for point in points),
    )
    if used.sum() < 2:
        return replace(order, message=_advice(points, best, settings))
    dof = min(point.dof for point in points if not point.left_out)
    chosen = covariance[np.ix_(used, used)]
    series = np.nan_to_num(range_numbers[used])
    fit = fit_order(sizes[used], distance[used], chosen, series, dof, confidence)
    return replace(
        order,
        order=fit.order,
        order_error=fit.standard_error,
        order_interval=fit.interval,
        scatter=fit.scatter,
    )


def _advice(points: list[Point], best: list[Point], settings: Settings) -> str:
    """Say why there is no fit, and what would be needed: a second rung above the noise, surely.

    A rung's true distance is taken as that between the field and the most accurate one, where there is such.
    """
    count = sum(not point.left_out for point in points)
    text = f"no fit, for {count or 'none'} of {len(points)} rungs can be used"
    noisy = [
        (point, other)
        for point, other in zip(points, best, strict=True)
        if point.left_out == BELOW and math.isfinite(point.dof)
    ]
    if len(noisy) < 2 - count:
        if any(point.left_out == BELOW for point in points):
            return f"{text}; the others are below the accuracy of flows: take larger steps"
        return f"{text}; the others: {points[-1].left_out or points[0].left_out}"
    factors = []
    for point, other in noisy:
        between = float(np.linalg.norm(point.endpoint - other.endpoint))
        true = between if between > 0 else max(point.distance, point.standard_error)
        factors.append((SURE * point.standard_error / true) ** 2)
    needed = settings.trajectories * max(1.0, sorted(factors)[1 - count])
    text += f"; about {needed:.1g} trajectories would be needed"
    better = {"independent": "reversed-pairs", "reversed-pairs": "balanced"}.get(settings.design)
    if better is None or settings.sampling not in ORDERED:
        return text
    return f"{text}, or design {better}, whose noise is of a higher order"


def _range_number(rung: Rung, start: Array) -> float:
    settings, target = rung.settings, rung.settings.partition(rung.problem)
    if settings.optimizer != "sgd":
        return math.nan
    eps = float(settings.step_sizes.max()) / (1 - settings.momentum)
    return target.batches * eps * largest_curvature(target, start)


def _range_warnings(vary: str, rungs: list[Rung], numbers: Array) -> list[str]:
    def where(beyond: Any) -> str:
        return ", ".join(f"{rung.value:g}" for rung, found in zip(rungs, beyond, strict=True) if found)

    low, useless = (numbers > ASYMPTOTIC) & ~(numbers > USELESS), numbers > USELESS
    texts = []
    if low.any():
        texts.append(
            f"m eps lambda_max is beyond {ASYMPTOTIC:g} for {vary} {where(low)} (up to "
            f"{numbers[low].max():.2g}): slopes there are not asymptotic yet, and read low"
        )
    if useless.any():
        texts.append(
            f"m eps lambda_max is beyond {USELESS:g} for {vary} {where(useless)} (up to "
            f"{numbers[useless].max():.2g}): no expansion in the step size holds there; orders mean nothing"
        )
    return texts
