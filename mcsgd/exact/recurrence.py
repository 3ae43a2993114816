"""One parameter, quadratic batches, hundreds of them: means over all choices of so many batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcsgd.errors import Issue
from mcsgd.exact.affine import is_quadratic, step_maps
from mcsgd.exact.method import Cost, Method, Solution
from mcsgd.exact.sequences import KEPT
from mcsgd.kernels.quadratic_orders import pair_means
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings

__all__ = ["RECURRENCE"]


def obstacle(problem: Problem, settings: Settings) -> Issue | None:
    """Batches must be quadratic, with one parameter, in random order."""
    if settings.sampling not in ("random-order", KEPT):
        return Issue("sampling", f"must be random-order or shuffle-once, got {settings.sampling}")
    if not is_quadratic(problem):
        return Issue("problem", f"must have quadratic batches, got {type(problem).__name__}")
    if problem.parameters > 1:
        return Issue("problem", f"must have one parameter, got {problem.parameters}")
    return None


def cost(problem: Problem, settings: Settings) -> Cost:
    """Return the steps of the recurrence, m^3 / 6, and the bytes of its three tables."""
    m = problem.batches
    return Cost(m**3 / 6 + m, 24.0 * (m + 1) ** 2)


def solve(problem: Problem, start: Array, settings: Settings) -> Solution:
    """Return the mean endpoint and the variance.

    An epoch is x -> P x + t, where P, the product of all factors, is the same in every order, and
    only t is random, with a variance that does not depend on where x is counted from. Epochs
    then add up to geometric sums. The variance of t is E t^2 - (E t)^2, and loses digits at small step
    sizes: its relative rounding error is about 1e-16 / (m eps^2 h^2), h the curvature.
    """
    F, f = step_maps(problem, start, settings.step_size)
    factors, pushes = 1.0 + F[:, 0, 0], f[:, 0]
    whole = np.prod(factors)  # of NumPy: overflows to infinity, where Python raises
    mean, _ = pair_means(factors, pushes)
    # The variance about the point that makes the pushes, and so the rounding errors, least.
    square = float(F[:, 0, 0] @ F[:, 0, 0])
    shift = -float(F[:, 0, 0] @ pushes) / square if square > 0 else 0.0
    first, second = pair_means(factors, pushes + F[:, 0, 0] * shift)
    variance = np.maximum(second - np.square(first), 0.0)
    if settings.sampling == KEPT:
        variance *= geometric_sum(whole, settings.epochs) ** 2
    else:
        variance *= geometric_sum(whole**2, settings.epochs)
    total = mean * geometric_sum(whole, settings.epochs)
    return Solution(start + total, np.array([[variance]]))


def geometric_sum(ratio: np.floating[Any], terms: int) -> Any:
    """Return 1 + ratio + ... of so many terms by doubling, which subtracts nothing."""
    total, power = np.float64(0.0), np.float64(1.0)
    for bit in f"{terms:b}":
        total, power = total + total * power, power * power
        if bit == "1":
            total, power = total * ratio + 1.0, power * ratio
    return total


RECURRENCE = Method("one-parameter recurrence", False, obstacle, cost, solve)
