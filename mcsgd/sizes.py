"""How many trajectories are worked on together: in a first block, and in a leaf of the tree of moments."""

from __future__ import annotations

from math import lcm

import numpy as np

from mcsgd.kernels.draws import GROUP
from mcsgd.problems.base import Problem
from mcsgd.settings import Settings

__all__ = ["first_block", "leaf_size", "work"]

FIRST_WORK, LEAF_WORK = 3e8, 3e9
"""Multiply-adds: of a first block, about a hundredth of a second; most of a leaf's, a tenth."""
MOST_ROWS, MOST_NUMBERS, ROWS_PER_PARAMETER = 2**16, 2**22, 1 / 4
"""Of a leaf: trajectories, numbers, and so many trajectories for a parameter that merging is little work."""


def work(problem: Problem, settings: Settings) -> int:
    """Return about how many multiply-adds a trajectory takes."""
    return settings.epochs * (2 * problem.examples * problem.parameters + 20 * problem.batches)


def first_block(problem: Problem, settings: Settings) -> int:
    """Return trajectories of the first block: few, as `work` may be far from what a user's code takes."""
    return max(int(FIRST_WORK // work(problem, settings)) // GROUP * GROUP, GROUP)


def leaf_size(problem: Problem, settings: Settings) -> int:
    """Return trajectories a leaf: whole units; a function of problem and settings, their number aside.

    So the moments of an ensemble have the same bits however it was cut into blocks.
    """
    d = problem.parameters
    most = min(MOST_ROWS, MOST_NUMBERS // d)
    size = int(np.clip(LEAF_WORK // work(problem, settings), d * ROWS_PER_PARAMETER, most))
    step = lcm(GROUP, settings.trajectories_per_unit(settings.partition(problem).batches))
    return max(size // step * step, step)
