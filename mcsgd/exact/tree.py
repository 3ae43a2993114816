"""Any problem, few batches: every sequence of batches, sharing the steps of common beginnings."""

from __future__ import annotations

import functools
import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from mcsgd.errors import DivergedError, Issue
from mcsgd.exact.method import Cost, Method, Solution
from mcsgd.exact.sequences import KEPT, branching, directions, options_of, tree_steps
from mcsgd.kernels.enumeration import visit_all
from mcsgd.kernels.jit import INDICES, VECTOR, compile_for
from mcsgd.machine import available_cores
from mcsgd.moments import Moments
from mcsgd.problems.base import MATRIX, Array, Problem
from mcsgd.schemes import RESHUFFLED
from mcsgd.settings import Settings

__all__ = ["TREE"]

MOST_EXAMPLES = 62
"""Sets of them are the bits of a signed integer."""

PARTS = 16
"""The tree is cut into so many parts at its root, for threads; results do not depend on their number."""


def obstacle(problem: Problem, settings: Settings) -> Issue | None:
    """There must be something to draw, and sets of examples must be numbers."""
    if not settings.random:
        return Issue("sampling", f"must draw something, got {settings.sampling}")
    if settings.sampling == RESHUFFLED and problem.examples > MOST_EXAMPLES:
        return Issue(
            "problem", f"must have at most {MOST_EXAMPLES} examples to reshuffle, got {problem.examples}"
        )
    return None


def cost(problem: Problem, settings: Settings) -> Cost:
    """Return the number of steps, and the size of the table of batches and of the threads' sums."""
    steps = tree_steps(problem, settings)
    if math.isinf(steps):
        return Cost(steps, math.inf)
    table = max(branching(problem, settings)) * (problem.batch_size + 4)
    sums = problem.parameters**2 * PARTS
    return Cost(steps, 8.0 * (table + sums))


def solve(problem: Problem, start: Array, settings: Settings) -> Solution:
    """Visit all sequences; both directions of an epoch where that matters."""
    whole = functools.reduce(
        Moments.merged, [_visit(problem, start, settings, way) for way in directions(problem, settings)]
    )
    return Solution(start + whole.mean, whole.scatter / whole.count)


def _visit(problem: Problem, start: Array, settings: Settings, backwards: bool) -> Moments:
    """Return the moments of all endpoints' deviations from the start, merged in the order of the parts."""
    options, d = options_of(problem, settings, backwards), problem.parameters
    epochs, repeats = (1, settings.epochs - 1) if settings.sampling == KEPT else (settings.epochs, 0)
    point, stop = start.copy(), np.zeros(1, np.int64)
    index = types.int64
    gradient = problem.pointer("gradient")
    kernel = compile_for(
        visit_all,
        *(gradient.type, problem.data_type, VECTOR, types.float64, numba.typeof(options)),
        *(index, index, index, index, INDICES, VECTOR, MATRIX, INDICES),
    )

    def run(part: tuple[int, int]) -> tuple[Moments, NDArray[np.int64]]:
        mean, scatter, counts = np.zeros(d), np.zeros((d, d)), np.zeros(2, np.int64)
        fixed = gradient, problem.data, point, settings.step_size, options
        kernel(*fixed, *part, epochs, repeats, stop, mean, scatter, counts)
        return Moments(int(counts[0]), mean, scatter), counts

    begin, end = int(options.first[0]), int(options.last[0])
    size = math.ceil((end - begin) / PARTS)
    parts = [(k, min(k + size, end)) for k in range(begin, end, size)]
    with ThreadPoolExecutor(available_cores()) as pool:
        try:
            results = list(pool.map(run, parts))
        finally:  # after Ctrl-C, running parts end with their present sequence
            stop[0] = 1
    visited, diverged = np.sum([counts for _, counts in results], axis=0)
    if diverged:
        raise DivergedError(
            f"{diverged} of {visited} sequences of batches diverged: the mean over all does not exist"
        )
    return functools.reduce(Moments.merged, [moments for moments, _ in results])


TREE = Method("prefix tree", True, obstacle, cost, solve)
