"""How many trajectories are worked on together: in a block, and in a leaf of the tree of moments."""

from __future__ import annotations

from math import lcm

import numpy as np

from mcsgd.kernels.draws import GROUP
from mcsgd.problems.base import Problem
from mcsgd.settings import Settings

__all__ = ["block_size", "leaf_size", "work"]

LEAST_WORK, MOST_WORK, BLOCKS_PER_THREAD = 1e7, 3e8, 4
"""Multiply-adds in a block: a call takes 0.1 ms, and progress should move every hundredth of a second."""
MOST_ROWS, MOST_NUMBERS, ROWS_PER_PARAMETER = 2**16, 2**22, 1 / 4
"""Of a leaf: trajectories, numbers, and so many trajectories for a parameter that merging is little work."""


def work(problem: Problem, settings: Settings) -> int:
    """Return about how many multiply-adds a trajectory takes."""
    return settings.epochs * (2 * problem.examples * problem.parameters + 20 * problem.batches)


def block_size(problem: Problem, settings: Settings, count: int, threads: int) -> int:
    """Return trajectories a block, of so many: several blocks for each thread, of a good amount of work."""
    one = work(problem, settings)
    share = -(-count // (BLOCKS_PER_THREAD * threads))
    size = int(np.clip(share, LEAST_WORK // one, MOST_WORK // one))
    return max(size // GROUP * GROUP, GROUP)


def leaf_size(problem: Problem, settings: Settings) -> int:
    """Return trajectories a leaf: whole units; a function of problem and settings, their number aside.

    So the moments of an ensemble have the same bits however it was cut into blocks.
    """
    d = problem.parameters
    most = min(MOST_ROWS, MOST_NUMBERS // d)
    size = int(np.clip(MOST_WORK // work(problem, settings), d * ROWS_PER_PARAMETER, most))
    step = lcm(GROUP, settings.trajectories_per_unit(settings.partition(problem).batches))
    return max(size // step * step, step)
