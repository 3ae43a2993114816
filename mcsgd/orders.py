"""The orders that trajectories visit their batches in."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mcsgd.designs import balanced_orders
from mcsgd.kernels import draws, sets
from mcsgd.kernels.draws import GROUP
from mcsgd.problems.base import Problem
from mcsgd.ranked import ranked_permutations
from mcsgd.schemes import RESHUFFLED
from mcsgd.settings import Settings

Integers: TypeAlias = NDArray[np.int64]

__all__ = ["draw_orders", "given_orders", "scheme_of"]

RANKED_FROM = 2**16
"""Trajectories for which a table of all permutations pays."""

SCHEMES = {
    "random-order": draws.random_order,
    RESHUFFLED: draws.reshuffle_examples,
    "shuffle-once": draws.shuffle_once,
    "with-replacement": draws.with_replacement,
    "given-order": draws.given_order,
    "full-batch": draws.given_order,  # of a single batch
}
KEPT = ("shuffle-once", "given-order", "full-batch")
"""Samplings whose orders are drawn in epoch 0 and stay."""

BALANCED_SCHEMES = {"random-order": sets.balanced_random_order, "shuffle-once": sets.balanced_shuffle_once}


def scheme_of(settings: Settings) -> Any:
    """Return the jitted function that draws the orders; see `mcsgd.kernels.draws`."""
    schemes = BALANCED_SCHEMES if settings.design == "balanced" else SCHEMES
    return schemes[settings.sampling]


def given_orders(settings: Settings, batches: int) -> Integers:
    """Return what the scheme starts from; see `mcsgd.kernels.draws`."""
    if settings.design == "balanced":
        return balanced_orders(batches)
    if scheme_of(settings) is draws.given_order:
        return np.array([settings.order or range(batches)], np.int64)
    if settings.sampling == "random-order" and settings.trajectories >= RANKED_FROM:
        return ranked_permutations(batches)[None]
    return np.empty((1, 0), np.int64)


def draw_orders(
    problem: Problem, settings: Settings, epoch: int, first: int, count: int
) -> tuple[Integers, Integers]:
    """Draw the orders of one epoch again, as `simulate` drew them.

    Parameters
    ----------
    problem : Problem
        In the batches that the sampling steps on (`Settings.partition`).
    settings : Settings
    epoch : int
        From 0.
    first, count : int
        Of the trajectories first, first + 1, ..., first + count - 1.

    Returns
    -------
    orders : (count, m)
        The batch at each position.
    examples : (count, N), or (1, N) for fixed batches
        Batch k of trajectory t holds the examples [t, k B : (k + 1) B].

    Examples
    --------
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> settings = Settings(step_size=0.1, trajectories=10, design="reversed-pairs")
    >>> orders, _ = draw_orders(problem, settings, epoch=0, first=4, count=2)
    >>> bool((orders[0] == orders[1][::-1]).all())
    True
    """
    width = -(-count // GROUP) * GROUP
    sequence = np.zeros((problem.batches, width), np.int64)
    rows = np.empty((count if settings.sampling == RESHUFFLED else 1, problem.examples), np.int64)
    rows[:] = np.arange(problem.examples)
    drawn = epoch if settings.sampling not in KEPT else 0
    given = given_orders(settings, problem.batches)
    scheme_of(settings)(
        settings.seed, first, drawn, settings.design == "reversed-pairs", given, sequence, rows
    )
    return np.ascontiguousarray(sequence.T[:count]), rows
