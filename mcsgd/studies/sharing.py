"""Pieces of a study, dealt out to the tasks of a job array, so that all take about as long.

Points differ in cost by large factors. So one that takes long is cut into shares of its trajectories, as the
tasks of a run are. What a point costs is known roughly: with other kernels the same work may take several
times as long. So each task is given as much as any other of each kind of points.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

__all__ = ["Piece", "deal"]

PIECES = 4
"""No piece is more than this part of what a task has of its kind."""


class Piece(NamedTuple):
    """A point of a study, or share k of n of its trajectories."""

    point: int
    share: tuple[int, int] | None = None


def deal(
    weights: Sequence[float], most: Sequence[int], kinds: Sequence[Hashable], tasks: int
) -> list[list[Piece]]:
    """Return the pieces of each task; a function of the arguments alone.

    Parameters
    ----------
    weights : sequence of float
        The work at each point; 0 where there is none, which is in no piece.
    most : sequence of int
        Shares that a point can be cut into.
    kinds : sequence
        For points of the same kind, weights are to the same scale.
    tasks : int
    """
    points = defaultdict(list)
    for i, weight in enumerate(weights):
        if weight > 0:
            points[kinds[i]].append(i)
    dealt: list[list[Piece]] = [[] for _ in range(tasks)]
    loads = [0.0] * tasks
    for some in points.values():
        size, pieces = sum(weights[i] for i in some) / (PIECES * tasks), []
        for i in some:
            count = min(math.ceil(weights[i] / size), most[i])
            pieces += [(-weights[i] / count, Piece(i, (k, count))) for k in range(count)]
        least = sorted((0.0, load, task) for task, load in enumerate(loads))
        for less, piece in sorted(pieces):  # the largest first, to the task that has the least of the kind
            here, load, task = least[0]
            dealt[task].append(piece)
            loads[task] = load - less
            heapq.heapreplace(least, (here - less, load - less, task))
    return dealt
