"""Which flow the mean follows, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mcsgd.comparison import Comparison, check_comparable, compare, distance_between, flow_accuracy
from mcsgd.compatibility import mismatch
from mcsgd.ensemble import Ensemble
from mcsgd.flow import Flow
from mcsgd.schemes import SAMPLINGS

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, eq=False)
class Verdict:
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
        For every two flows that are both compatible, by their names: how many trajectories would
        exclude one of them if the mean were on the other, 95 times in 100. inf if they end at the
        same point.
    """

    comparisons: tuple[Comparison, ...]
    sentences: tuple[str, ...]
    trajectories: int
    left_out: int
    trajectories_needed: dict[tuple[str, str], float]

    def __str__(self) -> str:
        return " ".join(self.sentences)

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


def judge(cloud: Ensemble, flows: Iterable[Flow], confidence: float = 0.95) -> Verdict:
    """Compare the mean endpoint with several flows and say which it follows.

    Parameters
    ----------
    cloud : Ensemble
    flows : iterable of Flow
    confidence : float
        Of each comparison by itself.

    Returns
    -------
    Verdict
        Its text is the verdict in words.

    Raises
    ------
    InputError, DivergedError
        As `compare`.
    """
    flows = list(flows)
    check_comparable(cloud, flows, confidence)
    comparisons = tuple(compare(cloud, flow, confidence) for flow in flows)
    open_flows = [f for f, c in zip(flows, comparisons, strict=True) if c.compatible]
    needed = {
        (one.field, other.field): _trajectories_to_tell(cloud, one, other, confidence)
        for one, other in combinations(open_flows, 2)
    }
    sentences = [*_who(cloud), *_which(cloud, comparisons), *_too_few(needed)]
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
    if compatible and excluded:
        what = f"is compatible with {_all(compatible)} and excludes {_all(excluded)}"
    elif compatible:
        what = f"is compatible with {_all(compatible)}"
    else:
        what = f"excludes {_all(excluded)}"
    sentences.append(f"{_subject(cloud)} {what}.")
    return [*sentences, *_nearest(cloud, told)]


def _nearest(cloud: Ensemble, told: list[Comparison]) -> list[str]:
    """How much nearer the nearest flow is than the farthest; and what is left, if it is excluded."""
    nearest, farthest = min(told, key=_distance), max(told, key=_distance)
    upper, lower = nearest.distance_interval[1], farthest.distance_interval[0]
    sentences = []
    if upper > 0 and lower > 2 * upper:
        sentences.append(
            f"{nearest.field} is at least {lower / upper:.3g} times nearer than {farthest.field}."
        )
    own = SAMPLINGS[cloud.settings.sampling].field, "second-order"  # of the others, lower orders are left too
    belongs = nearest.field in own and not mismatch(nearest.field, cloud.settings)
    if not nearest.compatible and len(told) > 1 and belongs and not cloud.left_out:
        sentences.append(
            f"What is left to {nearest.field} is of a higher order in the step size than it describes."
        )
    return sentences


def _too_few(needed: dict[tuple[str, str], float]) -> list[str]:
    """How many trajectories would tell compatible flows from each other."""
    return [
        f"The flows {one} and {other} end at the same point: no ensemble tells them apart."
        if math.isinf(count)
        else f"The ensemble is too small to tell {one} from {other}: about {count:.2g} trajectories would do."
        for (one, other), count in needed.items()
    ]


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
