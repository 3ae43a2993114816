"""Small runs that tell how many trajectories a design needs.

Over U independent units (trajectories, pairs or sets) the standard error along a direction is s / sqrt(U),
s the standard deviation of a unit's mean along it. An effect of size D is k standard errors with

    U = (k s / D)^2

units, and s is what a pilot tells: of n units, to about 1 / sqrt(2 n) of itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from mcsgd.checks import Checks
from mcsgd.comparison import FLOW_ACCURACY
from mcsgd.ensemble import Ensemble
from mcsgd.errors import DivergedError, InputError
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.statistics import Distance

__all__ = ["Advice", "Effect", "Pilots"]

FEWEST = 8
"""Units, below which a standard error itself is off by more than a quarter."""
CONFIDENCE = 0.95
BURST = 0.1  # seconds that the speed is measured for
MOST = 2.0**63  # trajectories


@dataclass(frozen=True)
class Advice:
    """What one design costs, or why it does not apply.

    Attributes
    ----------
    design : str
        A key of `mcsgd.schemes.DESIGNS`.
    reason : str
        Empty, or why the design cannot be used, or need not be; what is not known is then None.
    effect : float
        Size of the effect, D.
    fields : (str, str) or None
        Those whose endpoints' distance it is.
    standard_errors : float
        How many of them it is to be, k.
    trajectories_per_unit : int or None
        In one independent unit.
    pilot_units : int
        Units that the pilot ran.
    std : float or None
        Standard deviation of a unit's mean along the effect's direction, s.
    std_interval : (float, float) or None
        Its 95% interval, from the chi square distribution of the pilot's variance; of normal units.
    trajectories : int or None
        Trajectories needed, in whole units, at least 8 of them; 1 if all are the same.
    trajectories_interval : (int, int) or None
        Those needed at both ends of `std_interval`.
    seconds : float or None
        What the trajectories take here, by the speed of short runs with the same number of threads.
    cheapest : bool
        Whether no other design takes fewer seconds.
    """

    design: str
    effect: float
    fields: tuple[str, str] | None
    standard_errors: float
    reason: str = ""
    trajectories_per_unit: int | None = None
    pilot_units: int = 0
    std: float | None = None
    std_interval: tuple[float, float] | None = None
    trajectories: int | None = None
    trajectories_interval: tuple[int, int] | None = None
    seconds: float | None = None
    cheapest: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not known."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


class Effect(NamedTuple):
    """What is to be resolved: a size, of the difference (d,) of two fields' endpoints or in any direction."""

    size: float
    difference: Array | None = None
    fields: tuple[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Pilots:
    """Small runs of all designs."""

    problem: Problem
    start: Array
    base: Settings
    effect: Effect
    standard_errors: float
    size: int
    threads: int

    def advice(self, design: str, others: Sequence[Advice]) -> Advice:
        """Run a design's pilot, if it applies and may be cheaper than the others."""
        blank = Advice(design, self.effect.size, self.effect.fields, self.standard_errors)
        try:
            settings = self._fitting(design)
            per_unit = settings.trajectories_per_unit(self.problem.batches)
            blank = replace(blank, trajectories_per_unit=per_unit)
            if reason := self._not_worth_it(per_unit, others):
                return replace(blank, reason=reason)
            if self._deterministic:
                return self._of_one(blank, settings)
            return self._from_pilot(blank, settings, per_unit)
        except (InputError, DivergedError) as error:
            issues = error.issues if isinstance(error, InputError) else []
            return replace(blank, reason=issues[0].message if issues else str(error))

    def _fitting(self, design: str) -> Settings:
        """Return settings of the design, or raise InputError if it does not apply."""
        settings = replace(self.base, design=design, trajectories=2)
        checks = Checks()
        checks.attempt(lambda: settings.check_with(self.problem))
        checks.issues = [issue for issue in checks.issues if issue.argument != "trajectories"]
        if self._deterministic and design != "independent":
            checks.fail("design", f"{design} is for orders at random, and here all trajectories are the same")
        checks.done()
        return settings

    @property
    def _deterministic(self) -> bool:
        return not self.base.random or self.problem.batches == 1

    def _not_worth_it(self, per_unit: int, others: Sequence[Advice]) -> str:
        """Return why a pilot would be large and useless, or nothing."""
        smallest = FEWEST * per_unit
        fewer = [a for a in others if a.trajectories is not None and a.trajectories <= smallest]
        if smallest <= self.size or not fewer:
            return ""
        best = min(fewer, key=lambda a: a.trajectories or 0)
        return (
            f"not piloted: its smallest run, of {FEWEST} units or {smallest} trajectories, is no smaller "
            f"than the {best.trajectories} that {best.design} needs"
        )

    def _of_one(self, blank: Advice, settings: Settings) -> Advice:
        """Advise one trajectory where all are the same: it is the mean."""
        cloud = simulate(self.problem, self.start, replace(settings, trajectories=1), workers=1)
        _ = cloud.mean  # raises if it diverged
        seconds = self._seconds_each(replace(settings, trajectories=self.size))
        return replace(
            blank,
            pilot_units=1,
            std=0.0,
            std_interval=(0.0, 0.0),
            trajectories=1,
            trajectories_interval=(1, 1),
            seconds=seconds,
        )

    def _from_pilot(self, blank: Advice, settings: Settings, per_unit: int) -> Advice:
        units = max(-(-self.size // per_unit), FEWEST)
        pilot = replace(settings, trajectories=units * per_unit)
        cloud = simulate(self.problem, self.start, pilot, workers=self.threads)
        std = self._std(cloud.statistics.units.covariance, units)
        interval = std_interval(std, units)
        few, many, needed = (self._needed(s) * per_unit for s in (*interval, std))
        told = replace(blank, pilot_units=units, std=std, std_interval=interval)
        if reason := self._obstacle(cloud, needed):
            return replace(told, reason=reason)
        return replace(
            told,
            trajectories=needed,
            trajectories_interval=(few, many),
            seconds=needed * self._seconds_each(pilot),
        )

    def _std(self, covariance: Array, units: int) -> float:
        """Return the standard deviation along the effect, or the largest along any direction."""
        if self.effect.difference is None:
            return math.sqrt(max(float(np.linalg.eigvalsh(covariance)[-1]), 0.0))
        return Distance(self.effect.difference, covariance, units - 1).standard_error

    def _needed(self, std: float) -> int:
        """Return the units needed, (k s / D)^2."""
        root = self.standard_errors * (std / self.effect.size)
        return max(math.ceil(min(root, math.sqrt(MOST)) ** 2), FEWEST)

    def _obstacle(self, cloud: Ensemble, needed: int) -> str:
        """Return why so many trajectories cannot be run, or would not help; or nothing."""
        least = 5 * FLOW_ACCURACY * max(float(np.abs(w).max()) for w in (cloud.start, cloud.mean))
        if self.effect.size <= least:
            return f"resolves no distance below {least:.0e}, for flows are integrated to {FLOW_ACCURACY:.0e}"
        if needed >= MOST:
            return f"needs more trajectories than there can be, {MOST:.2g}"
        return ""

    def _seconds_each(self, settings: Settings) -> float:
        """Return the time per trajectory of a run that takes long enough to be timed; all is compiled."""
        n = per_unit = settings.trajectories_per_unit(self.problem.batches)
        n *= -(-settings.trajectories // per_unit)
        while True:
            begin = time.perf_counter()
            simulate(self.problem, self.start, replace(settings, trajectories=n), workers=self.threads)
            elapsed = time.perf_counter() - begin
            if elapsed >= BURST:
                return elapsed / n
            n = per_unit * math.ceil(n * min(2 * BURST / elapsed, 10) / per_unit)


def std_interval(std: float, units: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the confidence interval of a standard deviation estimated from so many normal units.

    Examples
    --------
    >>> [round(s, 2) for s in std_interval(1.0, 1000)]
    [0.96, 1.05]
    """
    dof, tail = units - 1, (1 - confidence) / 2
    lower, upper = (std * math.sqrt(dof / special.chdtri(dof, p)) for p in (tail, 1 - tail))
    return lower, upper
