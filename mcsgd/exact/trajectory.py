"""Where there is only one sequence of batches: the trajectory itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcsgd.errors import Issue
from mcsgd.exact.method import Cost, Method, Solution
from mcsgd.exact.sequences import number_of_endpoints
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.simulation import simulate

__all__ = ["TRAJECTORY"]


def obstacle(problem: Problem, settings: Settings) -> Issue | None:
    """There must be one sequence only."""
    count = number_of_endpoints(problem, settings)
    if count > 1:
        return Issue("sampling", f"must be given-order or full-batch, got {settings.sampling}")
    return None


def cost(problem: Problem, settings: Settings) -> Cost:
    """Return the number of steps, and next to no memory."""
    return Cost(float(settings.epochs) * problem.batches, 8.0 * problem.parameters)


def solve(problem: Problem, start: Array, settings: Settings) -> Solution:
    """Return the endpoint, and no spread."""
    d = problem.parameters
    one = replace(settings, trajectories=1, design="independent", snapshots=(), paths=0)
    return Solution(simulate(problem, start, one, workers=1).mean, np.zeros((d, d)))


TRAJECTORY = Method("single trajectory", True, obstacle, cost, solve)
