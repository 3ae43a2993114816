"""How many trajectories each design needs for an effect to be resolved, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.advisor.pilots import Advice, Effect, Pilots
from mcsgd.checks import Checks
from mcsgd.comparison import FLOW_ACCURACY
from mcsgd.errors import DivergedError
from mcsgd.given import check_given
from mcsgd.machine import available_cores
from mcsgd.problems.base import Array, Problem
from mcsgd.schemes import DESIGNS, SAMPLINGS
from mcsgd.settings import Settings
from mcsgd.theory import FIELDS, integrate

__all__ = ["advise"]


def advise(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    effect: float | Sequence[str] | None = None,
    standard_errors: float = 5,
    pilot: int = 1000,
    workers: int | None = None,
) -> tuple[Advice, ...]:
    """Say how many trajectories each design needs to resolve an effect, and how long they take.

    Parameters
    ----------
    problem : Problem
    start : (d,)
    settings : Settings
        Step size, epochs, sampling and seed. Its design and number of trajectories do not matter. The pilot's
        seed is another one, so that it shares no orders with the run it advises.
    effect : (str, str) or float, optional
        Two fields, whose endpoints' distance is to be resolved; standard errors are then those along the
        difference. Or a distance in any direction: standard errors are then those in the direction in
        which they are largest, which the sample overestimates where there are many parameters.
        By default gradient flow and the first-order field of the sampling's mean.
    standard_errors : float
        The size that the effect is to have, in standard errors.
    pilot : int
        Trajectories of each design's pilot, rounded up to 8 units or more.
    workers : int, optional
        Threads; by default as many as the cores this process may run on.

    Returns
    -------
    tuple of Advice
        One for each of `mcsgd.schemes.DESIGNS`. A design whose smallest run is larger than the pilot and
        than all that another one needs is not piloted; its `reason` says so.

    Raises
    ------
    InputError
        If an argument is wrong, or the two fields end at the same point.
    DivergedError
        If one of their flows has no endpoint.

    Examples
    --------
    >>> from mcsgd import Settings, advise
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5, 1.5], y=[0.6, 0.6, 0.6, 0.2])
    >>> settings = Settings(step_size=0.01)
    >>> for advice in advise(problem, [1.0, 0.5], settings, effect=("sgd", "second-order")):
    ...     print(advice.design, advice.trajectories_per_unit, advice.trajectories > 1000)
    independent 1 True
    reversed-pairs 2 False
    balanced 24 False
    control-variate 1 False
    """
    checks = Checks()
    w0 = check_given(checks, problem, start, settings)
    errors = checks.number("standard_errors", standard_errors, above=0)
    size = checks.integer("pilot", pilot, at_least=2)
    threads = checks.integer("workers", available_cores() if workers is None else workers, at_least=1)
    other_seed = 2**63 - 1 - settings.seed
    base = replace(settings, design="independent", snapshots=(), paths=0, seed=other_seed)
    checks.attempt(lambda: base.check_with(problem))
    checks.done()
    wanted = _effect(problem, w0, base, effect)
    pilots = Pilots(problem, w0, base, wanted, errors, size, threads)
    found: dict[str, Advice] = {}
    for design in sorted(DESIGNS, key=lambda name: name == "balanced"):  # sets last: they may not be worth it
        found[design] = pilots.advice(design, list(found.values()))
    seconds = {design: a.seconds for design, a in found.items() if a.seconds is not None}
    if seconds:
        best = min(seconds, key=lambda design: seconds[design])
        found[best] = replace(found[best], cheapest=True)
    return tuple(found[design] for design in DESIGNS)


def _effect(
    problem: Problem, start: Array, settings: Settings, effect: float | Sequence[str] | None
) -> Effect:
    """Return the effect's size and difference."""
    checks = Checks()
    if effect is None:
        effect = ("gradient", SAMPLINGS[settings.sampling].field)
    if not np.iterable(effect):
        size = checks.number("effect", effect, above=0)
        checks.done()
        return Effect(size)
    if isinstance(effect, str) or len(effect) != 2:
        checks.fail("effect", f"must be two fields or a distance, got {effect!r}")
        checks.done()
    fields = checks.choice("effect", effect[0], FIELDS), checks.choice("effect", effect[1], FIELDS)
    checks.done()
    one, other = (integrate(problem, start, settings, field) for field in fields)
    for flow in (one, other):
        if flow.message:
            raise DivergedError(f"the flow {flow.field} has no endpoint: it {flow.message}")
    difference = other.endpoint - one.endpoint
    size = float(np.linalg.norm(difference))
    scale = max(float(np.abs(w).max()) for w in (start, one.endpoint, other.endpoint))
    if size <= 5 * FLOW_ACCURACY * scale:
        checks.fail("effect", f"must be two fields that end apart; {fields[0]} and {fields[1]} do not")
    checks.done()
    return Effect(size, difference, fields)
