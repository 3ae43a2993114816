"""The order of modified flows, measured over a ladder of one setting.

Theory says of each flow how fast its distance to the mean endpoint falls with the step size: |mean - flow| ~
eps^p. A ladder has the distance at several rungs, the slopes between neighbours, and fits p.

All rungs have the same seed: trajectory i draws the same orders in all of them, as long as there are as many
batches and epochs. The noise of neighbouring rungs is then nearly the same but for its size, and cancels
in their slope. Its covariance is estimated from the means of bins of units (`mcsgd.moments.Bins`), whatever
the ladder varies. Noise across the difference, which is small where the distance can be used, is taken as
independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcsgd.ladders.fit import Array, OrderFit, fit_order, local_slopes
from mcsgd.ladders.gaps import BELOW, Gap, covariance_of
from mcsgd.ladders.result import FieldOrder, Ladder
from mcsgd.schemes import ORDERED
from mcsgd.settings import Settings

__all__ = ["Rung", "make_ladder", "range_warnings"]

SURE = 4.0
"""Standard errors that make sure of a rung."""
SETTLED = 0.05
"""Slopes that differ by no more may go up and down."""
FAR = 0.5
"""Of an order, from the local slopes; and the most that its error may be of what the series leaves open."""
ASYMPTOTIC, USELESS = 0.3, 3.0
MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class Rung:
    """One point of a ladder; see `Ladder`. `gaps` are by field."""

    value: float
    size: float
    range_number: float
    method: str
    settings: Settings
    gaps: Mapping[str, Gap]


def make_ladder(
    vary: str,
    size_name: str,
    where: Mapping[str, Any],
    rungs: Sequence[Rung],
    fields: Iterable[str],
    confidence: float,
) -> Ladder:
    """Return the slopes and orders over a ladder.

    Rungs below two standard errors are named, and not in the fit; nor are those where a trajectory diverged.
    Where fewer than two are left, or slopes have not settled, there is no order. By chance, a rung of nothing
    but noise stands out by two standard errors in one of 20 to 40 ladders, and with it its neighbours, whose
    noise is the same.

    `fields` are in the order of their accuracy.
    """
    names = tuple(fields)
    return Ladder(
        vary=vary,
        where=where,
        values=np.array([rung.value for rung in rungs], float),
        sizes=np.array([rung.size for rung in rungs], float),
        size_name=size_name,
        range_numbers=np.array([rung.range_number for rung in rungs]),
        methods=tuple(rung.method for rung in rungs),
        trajectories=tuple(rung.settings.trajectories for rung in rungs),
        fields=tuple(_field_order(name, names[-1], rungs, confidence) for name in names),
        confidence=confidence,
    )


def _field_order(name: str, best: str, rungs: Sequence[Rung], confidence: float) -> FieldOrder:
    """Fit the order of one field; `best` is the field that theory has as the most accurate."""
    gaps = [_gap(rung, name) for rung in rungs]
    sizes = np.array([rung.size for rung in rungs], float)
    used = np.array([not gap.left_out for gap in gaps])
    distance = np.array([gap.distance for gap in gaps])
    covariance = covariance_of(gaps)
    slopes, errors = local_slopes(sizes, np.where(used, distance, np.nan), covariance)
    order = FieldOrder(
        field=name,
        distance=distance,
        standard_error=np.array([gap.standard_error for gap in gaps]),
        slopes=slopes,
        slope_errors=errors,
        left_out=tuple(gap.left_out for gap in gaps),
    )
    if used.sum() < 2:
        return replace(order, message=_advice(gaps, [_gap(rung, best) for rung in rungs], rungs[0].settings))
    dof = min(gap.dof for gap in gaps if not gap.left_out)
    chosen = covariance[np.ix_(used, used)]
    series = np.nan_to_num([rung.range_number for rung in rungs])[used]
    fit = fit_order(sizes[used], distance[used], chosen, series, dof, confidence)
    if reason := _unsettled(slopes, errors, distance[used][0] > distance[used][-1], fit):
        return replace(order, message=reason)
    return replace(
        order,
        order=fit.order,
        order_error=fit.standard_error,
        order_interval=fit.interval,
        scatter=fit.scatter,
        factor=fit.factor,
    )


def _unsettled(slopes: Array, errors: Array, towards_less: bool, fit: OrderFit) -> str:
    """Say why distances that are known well enough give no order, or nothing.

    Slopes that turn back have not begun to settle, and an order far from the last of them, or one that
    what comes next in the series leaves open, would be a guess. There are no slopes where no two rungs that
    can be used are neighbours.
    """
    known = np.isfinite(slopes)
    slopes, errors = slopes[known], errors[known]
    if not towards_less:  # the last is where the distance is least
        slopes, errors = slopes[::-1], errors[::-1]
    drift, noise = np.diff(slopes), np.hypot(errors[1:], errors[:-1])
    sure = np.abs(drift) > SURE * noise
    shown = " ".join(f"{slope:.2f}" for slope in slopes) or "none between neighbours"
    text = f"no order, for the local slopes ({shown}) have not settled"
    turns = len(drift) > 1 and sure[-2:].all() and drift[-1] * drift[-2] < 0
    if turns and np.abs(drift[-2:]).max() > SETTLED:
        return f"{text}: they go up and down. Take smaller steps"
    if slopes.size and abs(fit.order - slopes[-1]) > FAR + SURE * errors[-1]:
        return f"{text}: {fit.order:.2f} would be far from the last"
    if fit.standard_error > 2 * fit.noise_error and fit.standard_error > FAR:
        return f"{text}: it may be {_between(*fit.interval)}. Take smaller steps, or more of them"
    return ""


def _between(low: float, high: float) -> str:
    """Return an interval in words, either end of which may be infinite."""
    if math.isinf(low) or math.isinf(high):
        return f"{low:.1f} or more" if math.isfinite(low) else "anything"
    return f"{low:.1f} to {high:.1f}"


def _gap(rung: Rung, field: str) -> Gap:
    nothing = np.empty(0)
    return rung.gaps.get(field) or Gap(math.nan, math.nan, math.inf, nothing, left_out="no such field there")


def _advice(gaps: Sequence[Gap], best: Sequence[Gap], settings: Settings) -> str:
    """Say why there is no fit, and what would be needed: a second rung above the noise, surely.

    A rung's true distance is taken as that between the field and the most accurate one, where there is such.
    """
    count = sum(not gap.left_out for gap in gaps)
    text = f"no fit, for {count or 'none'} of {len(gaps)} rungs can be used"
    noisy = [
        (gap, other)
        for gap, other in zip(gaps, best, strict=True)
        if gap.left_out == BELOW and math.isfinite(gap.dof)
    ]
    if len(noisy) < 2 - count:
        if any(gap.left_out == BELOW for gap in gaps):
            return f"{text}; the others are below the accuracy of flows: take larger steps"
        return f"{text}; the others: {gaps[-1].left_out or gaps[0].left_out}"
    factors = []
    for gap, other in noisy:
        between = _distance(gap.endpoint, other.endpoint)
        true = between if between > 0 else max(gap.distance, gap.standard_error)
        factors.append((SURE * gap.standard_error / true) ** 2)
    needed = settings.trajectories * max(1.0, sorted(factors)[1 - count])
    text += f"; about {needed:.1g} trajectories would be needed"
    better = {"independent": "reversed-pairs", "reversed-pairs": "balanced"}.get(settings.design)
    if better is None or settings.sampling not in ORDERED:
        return text
    return f"{text}, or design {better}, whose noise is of a higher order"


def _distance(one: Array, other: Array) -> float:
    return float(np.linalg.norm(one - other)) if one.shape == other.shape else 0.0


def range_warnings(numbers: Array, names: Sequence[str]) -> list[str]:
    """Say where m eps lambda_max leaves the asymptotic range, for points with these names."""

    def where(beyond: Any) -> str:
        found = [name for name, there in zip(names, beyond, strict=True) if there]
        between = "; " if any(", " in name for name in found) else ", "
        return between.join([*found[:MOST_NAMED], *(["..."] if len(found) > MOST_NAMED else [])])

    low, useless = (numbers > ASYMPTOTIC) & ~(numbers > USELESS), numbers > USELESS
    texts = []
    if low.any():
        texts.append(
            f"m eps lambda_max is beyond {ASYMPTOTIC:g} for {where(low)} (up to "
            f"{numbers[low].max():.2g}): slopes there are not asymptotic yet, and read low"
        )
    if useless.any():
        texts.append(
            f"m eps lambda_max is beyond {USELESS:g} for {where(useless)} (up to "
            f"{numbers[useless].max():.2g}): no expansion in the step size holds there; orders mean nothing"
        )
    return texts
