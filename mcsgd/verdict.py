"""Which flow the mean follows, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mcsgd.comparable import check_comparable, listed
from mcsgd.comparison import (
    Comparison,
    compare,
    distance_between,
    distance_table,
    flow_accuracy,
)
from mcsgd.compatibility import mismatch
from mcsgd.display import Shown, Table, counted, rounded
from mcsgd.ensemble import Ensemble
from mcsgd.flow import Flow
from mcsgd.schemes import SAMPLINGS

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, eq=False)
class Verdict(Shown):
    """The mean endpoint against several flows.

    Attributes
    ----------
    comparisons : tuple of Comparison
        One for each flow, in the order given.
    sentences : tuple of str
        The verdict.
    trajectories : int
        In the mean.
    left_out : int
        Trajectories that diverged and are not in the mean, which is then conditional on finishing.
    trajectories_needed : dict
        For every two flows that are both compatible in distance, by their names: how many trajectories
        would exclude one of them so if the mean were on the other, 95 times in 100. inf if they end at the
        same point.
    """

    comparisons: tuple[Comparison, ...]
    sentences: tuple[str, ...]
    trajectories: int
    left_out: int
    trajectories_needed: dict[tuple[str, str], float]

    def tables(self) -> list[Table]:
        """Return a line for each flow, and the sentences below."""
        return [distance_table(self.comparisons, notes=self.sentences)]

    def __str__(self) -> str:
        return " ".join(self.sentences)

    def __repr__(self) -> str:
        count = counted(self.trajectories, "trajectory")
        return distance_table(self.comparisons, f"Verdict on {count}").as_text()

    def __getitem__(self, field: str) -> Comparison:
        return {comparison.field: comparison for comparison in self.comparisons}[field]

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not defined."""
        return {
            "verdict": str(self),
            "trajectories": self.trajectories,
            "left_out": self.left_out,
            "trajectories_needed": [
                {"fields": list(pair), "trajectories": count if math.isfinite(count) else None}
                for pair, count in self.trajectories_needed.items()
            ],
            "flows": [comparison.as_dict() for comparison in self.comparisons],
        }


def judge(cloud: Ensemble, flows: Iterable[Flow] | Mapping[str, Flow], confidence: float = 0.95) -> Verdict:
    """Compare the mean endpoint with several flows and say which it follows.

    Parameters
    ----------
    cloud : Ensemble
    flows : iterable of Flow, or mapping
        A run's `flows`, say.
    confidence : float
        Of each comparison by itself; and that no coordinate of a flow that the mean is on is called off it.

    Returns
    -------
    Verdict
        Its text is the verdict in words; a notebook, or the prompt, shows a line for each flow.

    Raises
    ------
    InputError, DivergedError
        As `compare`.
    """
    flows = listed(flows)
    check_comparable(cloud, flows, confidence)
    comparisons = tuple(compare(cloud, flow, confidence) for flow in flows)
    open_flows = [f for f, c in zip(flows, comparisons, strict=True) if c.compatible]
    needed = {
        (one.field, other.field): _trajectories_to_tell(cloud, one, other, confidence)
        for one, other in combinations(open_flows, 2)
    }
    sentences = [*_who(cloud), *_which(cloud, comparisons), *_too_few(needed, comparisons)]
    return Verdict(comparisons, tuple(sentences), cloud.count, cloud.left_out, needed)


def _trajectories_to_tell(cloud: Ensemble, one: Flow, other: Flow, confidence: float) -> float:
    """Return how many trajectories would exclude one flow if the mean were on the other.

    At least twice those there are, for these did not tell.
    """
    gap = distance_between(cloud, one.endpoint - other.endpoint, one)
    if gap.value < 5 * flow_accuracy(cloud, one):
        return math.inf
    return cloud.count * max(2.0, gap.units_to_tell(confidence))


def _who(cloud: Ensemble) -> list[str]:
    """What kind of mean it is, where that must be said."""
    if not cloud.left_out:
        return []
    total = cloud.left_out + cloud.count
    which = "they" if cloud.unit_name == "trajectory" else f"they, or others of their {cloud.unit_name},"
    return [
        f"{cloud.left_out} of {total} trajectories are left out because {which} diverged: this is the mean "
        "conditional on finishing, not the mean over all orders."
    ]


def _which(cloud: Ensemble, comparisons: tuple[Comparison, ...]) -> list[str]:
    """Which flows are compatible and which excluded."""
    sentences = [f"The flow {c.field} has no endpoint: it {c.message}." for c in comparisons if c.message]
    if not comparisons:
        return ["There is no flow to compare with."]
    told = [c for c in comparisons if c.compatible is not None]
    if not told:
        if len(sentences) < len(comparisons):
            sentences.append(
                f"One {cloud.unit_name} gives no standard error, so no flow can be excluded: run more."
            )
        return sentences
    compatible = [_with_distance(c) for c in told if c.compatible]
    excluded = [_with_distance(c) for c in told if not c.compatible]
    off = [c for c in told if c.compatible and c.coordinates_off]
    agrees = f"is compatible {'in distance ' if off else ''}with {_all(compatible)}" if compatible else ""
    excludes = f"excludes {_all(excluded)}" if excluded else ""
    sentences.append(f"{_subject(cloud)} {' and '.join(filter(None, (agrees, excludes)))}.")
    return [*sentences, *map(_off, off), *_nearest(cloud, told)]


def _off(comparison: Comparison) -> str:
    """In which coordinates the mean is off a flow whose distance is compatible."""
    first, *others = comparison.coordinates_off
    also = f" (and in {counted(len(others), 'other')})" if others else ""
    d, z = comparison.difference.size, abs(comparison.z_scores[first])
    return (
        f"But in coordinate {first}{also} it is off {comparison.field}, by {z:.1f} standard errors: chance "
        f"keeps all {d} coordinates within {comparison.largest_by_chance:.1f}, "
        f"{100 * comparison.confidence:g}% of the time."
    )


def _nearest(cloud: Ensemble, told: list[Comparison]) -> list[str]:
    """How much nearer the nearest flow is than the farthest; and what is left, if it is excluded."""
    nearest, farthest = min(told, key=_distance), max(told, key=_distance)
    upper, lower = nearest.distance_interval[1], farthest.distance_interval[0]
    sentences = []
    if upper > 0 and lower > 2 * upper:
        sentences.append(
            f"{nearest.field} is at least {rounded(lower / upper, 3)} times nearer than {farthest.field}."
        )
    if nearest.compatible or len(told) == 1 or cloud.left_out:
        return sentences
    own = SAMPLINGS[cloud.settings.sampling].field, "second-order"  # of the others, lower orders are left too
    orders = [name for name in ("gradient", *own) if not mismatch(name, cloud.settings)]
    highest = max((c for c in told if c.field in orders), key=lambda c: orders.index(c.field), default=None)
    if highest is None or highest.field == "gradient":
        return sentences
    if nearest is highest:
        sentences.append(
            f"What is left to {nearest.field} is of a higher order in the step size than it describes."
        )
    elif highest.distance_interval[0] > upper:
        sentences.append(
            f"{highest.field}, of a higher order in the step size, is no nearer than {nearest.field}: here "
            "the step size is too large to expand in."
        )
    return sentences


def _too_few(needed: dict[tuple[str, str], float], comparisons: tuple[Comparison, ...]) -> list[str]:
    """How many trajectories would tell compatible flows from each other."""
    off, sentences = {c.field for c in comparisons if c.coordinates_off}, []
    for pair, count in needed.items():
        one, other = pair
        if math.isinf(count):
            sentences.append(
                f"The flows {one} and {other} end at the same point: no ensemble tells them apart."
            )
            continue
        by = " by distance" if off.intersection(pair) else ""
        told = f"about {rounded(count, 2)} trajectories would do"
        sentences.append(f"The ensemble is too small to tell {one} from {other}{by}: {told}.")
    return sentences


def _subject(cloud: Ensemble) -> str:
    if cloud.deterministic:
        return "The endpoint, the same for all trajectories,"
    count = f"{cloud.count} trajectories"
    if cloud.unit_name != "trajectory":
        count += f" ({cloud.unit_count} {cloud.unit_name}s)"
    if cloud.is_corrected:
        count += ", each less its control variate,"
    return f"The mean endpoint of {count}"


def _with_distance(comparison: Comparison) -> str:
    return (
        f"{comparison.field} (distance {comparison.distance:.2e} ± {comparison.distance_standard_error:.0e})"
    )


def _all(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _distance(comparison: Comparison) -> float:
    return comparison.distance
