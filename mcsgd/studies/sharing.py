"""Pieces of a study, dealt out to the tasks of a job array, so that all take about as long.

Points differ in cost by large factors. So one that takes long is cut into shares of its trajectories, as the
tasks of a run are, and the pieces are dealt out by cost, the largest first. Shares of one point go to
different tasks: where the cost of a point is misjudged, it is so for all of them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Piece", "deal"]

PIECES = 4
"""No piece has more than this part of what is for a task."""


class Piece(NamedTuple):
    """A point of a study, or share k of n of its trajectories."""

    point: int
    share: tuple[int, int] | None = None


def deal(weights: Sequence[float], most: Sequence[int], tasks: int) -> list[list[Piece]]:
    """Return the pieces of each task, the largest first; a function of the arguments alone.

    Parameters
    ----------
    weights : sequence of float
        The work at each point; 0 where there is none, which is in no piece.
    most : sequence of int
        Shares that a point can be cut into.
    tasks : int
    """
    size = sum(weights) / (PIECES * tasks)
    pieces = []
    for i, weight in enumerate(weights):
        if weight > 0:
            count = min(math.ceil(weight / size), most[i])
            pieces += [(-weight / count, Piece(i, (k, count))) for k in range(count)]
    dealt: list[list[Piece]] = [[] for _ in range(tasks)]
    loads = [(0.0, task) for task in range(tasks)]
    for weight, piece in sorted(pieces):
        load, task = loads[0]  # the least
        dealt[task].append(piece)
        heapq.heapreplace(loads, (load - weight, task))
    return dealt
