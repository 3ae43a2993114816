"""The exact method for a problem, a sampling and a size; or why there is none."""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.errors import DivergedError, InputError, Issue
from mcsgd.exact.answer import ExactAnswer
from mcsgd.exact.draws import DRAWS
from mcsgd.exact.method import Cost, Method
from mcsgd.exact.recurrence import RECURRENCE
from mcsgd.exact.sequences import number_of_endpoints
from mcsgd.exact.subsets import SUBSETS
from mcsgd.exact.trajectory import TRAJECTORY
from mcsgd.exact.tree import TREE
from mcsgd.given import check_given
from mcsgd.kernels.trajectory import LARGEST
from mcsgd.machine import memory_bytes
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings

__all__ = ["exact_mean", "feasible_method"]

METHODS = (TRAJECTORY, RECURRENCE, DRAWS, SUBSETS, TREE)

MEMORY_SHARE = 0.5
BURST = 0.01  # seconds


def exact_mean(problem: Problem, start: ArrayLike, settings: Settings, max_steps: float = 1e8) -> ExactAnswer:
    """Return mean and covariance of the endpoint over all that the sampling can draw, without Monte Carlo.

    The cheapest method that fits is used. A step of its cost is a gradient step, or a product like it.

    - single trajectory: given-order, full-batch, or a single batch.
    - one-parameter recurrence: quadratic batches with d = 1, random-order or shuffle-once; m^3 / 6
      steps for any number of epochs. Its variance loses digits: 1e-16 / (m eps^2 h^2), h the curvature.
    - independent draws: quadratic batches with-replacement; epochs m^2 (d + 1) steps.
    - subset recursion: quadratic batches in random-order, m <= 20; m 2^(m - 1) (d + 1) steps an epoch
      and 8 (d + d^2) 2^m bytes, or, for many epochs of few parameters, (d + 1)^2 times that once.
    - prefix tree: any problem, a step for every beginning of a sequence of batches. random-order:
      about e m! steps, m <= 10, and m! times more for each further epoch. shuffle-once: m! sequences of
      m epochs steps. with-replacement: about m^(m epochs). reshuffle-examples: all ordered
      partitions of the N examples into batches, N! / (B!)^m of them, the smaller batch last.

    Parameters
    ----------
    problem : Problem
    start : (d,)
    settings : Settings
        Step size, epochs, sampling and order; the number of trajectories and the seed do not matter.
        The design does under reshuffle-examples where B does not divide N: in reversed pairs the
        smaller batch comes first for half of the trajectories; the answer is about both halves.
    max_steps : float
        Refuse what takes more steps. By default about seconds for a small problem.

    Returns
    -------
    ExactAnswer

    Raises
    ------
    InputError
        If an argument is wrong; or, before anything is computed, if no method fits: what keeps each of
        them from being used, and an estimate of its cost.
    DivergedError
        If a sequence of batches diverges, or the mean does: it then does not exist.

    Examples
    --------
    >>> from mcsgd import Settings, exact_mean
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> answer = exact_mean(problem, [1.0, 0.5], Settings(step_size=0.01))
    >>> answer.method, answer.count, answer.mean.round(6).tolist()
    ('prefix tree', 6, [0.997345, 0.494721])
    """
    checks = Checks()
    w0 = check_given(checks, problem, start, settings)
    budget = checks.number("max_steps", max_steps, at_least=1)
    checks.attempt(lambda: settings.check_with(problem))
    checks.done()
    target = settings.partition(problem)
    method = _choose(problem, w0, settings, budget)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, covariance = method.solve(target, w0, settings)
    if not (np.abs(mean).max() < LARGEST and np.isfinite(covariance).all()):
        raise DivergedError(f"the mean over all orders grows beyond {LARGEST:g}: it does not exist")
    count = number_of_endpoints(target, settings)
    return ExactAnswer(mean, covariance, method.name, count, settings.epochs)


def feasible_method(problem: Problem, settings: Settings, max_steps: float) -> tuple[Method, Cost] | None:
    """Return the method that `exact_mean` would use, and what it needs; None if it would refuse."""
    target = settings.partition(problem)
    memory, fitting = MEMORY_SHARE * memory_bytes(), []
    for method in METHODS:
        if _obstacle(method, target, settings) is None:
            cost = method.cost(target, settings)
            if cost.steps <= max_steps and cost.memory <= memory:
                fitting.append((method, cost))
    return min(fitting, key=lambda pair: pair[1].steps) if fitting else None


def _choose(problem: Problem, start: Array, settings: Settings, budget: float) -> Method:
    """Return the method of least cost that fits; or say of every method why it does not."""
    found = feasible_method(problem, settings, budget)
    if found is not None:
        return found[0]
    checks, memory = Checks(), MEMORY_SHARE * memory_bytes()
    target = settings.partition(problem)
    for method in METHODS:
        issue = _obstacle(method, target, settings)
        if issue is None:
            cost = method.cost(target, settings)
            issue = _too_costly(method, cost, target, start, budget, memory)
        checks.fail(issue.argument, f"{issue.message} (for the exact method {method.name})")
    raise InputError(checks.issues)


def _obstacle(method: Method, problem: Problem, settings: Settings) -> Issue | None:
    """Return what keeps a method from being used, its cost aside."""
    issue = method.obstacle(problem, settings)
    if issue is None and settings.extras and method is not TRAJECTORY:
        name = settings.extras[0]
        issue = Issue(name, f"must be left at its default, got {getattr(settings, name)!r}")
    return issue


def _too_costly(
    method: Method, cost: Cost, problem: Problem, start: Array, budget: float, memory: float
) -> Issue:
    if cost.steps <= budget:
        needed, limit = cost.memory / 2**30, memory / 2**30
        return Issue(
            "problem", f"must need at most {limit:.3g} GiB, half of the memory; got {needed:.3g} GiB"
        )
    if math.isinf(cost.steps):
        return Issue("max_steps", f"must be >= {2.0**63:.2g} and more, got {budget:.2g}")
    took = f", {_duration(cost.steps * _seconds(problem, start))}" if method.gradient_steps else ""
    return Issue("max_steps", f"must be >= {cost.steps:.2g}{took}; got {budget:.2g}")


def _seconds(problem: Problem, start: Array) -> float:
    """Return how long a gradient step takes here on one core, from a short burst of them."""
    problem.gradients(start)  # compiled before the clock runs
    begin, calls, elapsed = time.perf_counter(), 0, 0.0
    while elapsed < BURST:
        problem.gradients(start)
        calls += 1
        elapsed = time.perf_counter() - begin
    return elapsed / (calls * problem.batches)


def _duration(seconds: float) -> str:
    """Return a duration in the largest unit of which it is at least one."""
    units = (("years", 31_557_600), ("days", 86_400), ("hours", 3600), ("minutes", 60))
    for name, size in units:
        if seconds >= size:
            return f"about {seconds / size:.3g} {name}"
    return f"about {seconds:.3g} seconds" if seconds > 1 else "less than a second"
