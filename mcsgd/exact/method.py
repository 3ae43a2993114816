"""What an exact method says of itself, so that one can be chosen before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from mcsgd.errors import Issue
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings

__all__ = ["Cost", "Method", "Solution"]


class Cost(NamedTuple):
    """What a method needs."""

    steps: float
    """Gradient steps, or products of as much work."""
    memory: float
    """Bytes."""


class Solution(NamedTuple):
    """Mean endpoint (d,) and covariance of the endpoints (d, d)."""

    mean: Array
    covariance: Array


@dataclass(frozen=True)
class Method:
    """An exact method. The problem given is cut into the batches that the sampling steps on.

    Attributes
    ----------
    name : str
    gradient_steps : bool
        Whether a step of its cost is a gradient step.
    obstacle : callable
        (problem, settings) -> what keeps the method from being used here, or None.
    cost : callable
        (problem, settings) -> Cost, where there is no obstacle.
    solve : callable
        (problem, start, settings) -> Solution.
    """

    name: str
    gradient_steps: bool
    obstacle: Callable[[Problem, Settings], Issue | None]
    cost: Callable[[Problem, Settings], Cost]
    solve: Callable[[Problem, Array, Settings], Solution]
