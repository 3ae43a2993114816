"""Quadratic batches with replacement: draws are independent, so one step's moments follow from the last's."""

from __future__ import annotations

import numpy as np

from mcsgd.errors import Issue
from mcsgd.exact.affine import is_quadratic, step_maps
from mcsgd.exact.method import Cost, Method, Solution
from mcsgd.exact.sequences import REPLACED
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings

__all__ = ["DRAWS"]


def obstacle(problem: Problem, settings: Settings) -> Issue | None:
    """Batches must be quadratic, and drawn independently."""
    if settings.sampling != REPLACED:
        return Issue("sampling", f"must be {REPLACED}, got {settings.sampling}")
    if not is_quadratic(problem):
        return Issue("problem", f"must have quadratic batches, got {type(problem).__name__}")
    return None


def cost(problem: Problem, settings: Settings) -> Cost:
    """Return the number of products of a batch's matrix with a vector, and the bytes of the matrices."""
    m, d = problem.batches, problem.parameters
    return Cost(float(settings.epochs) * m**2 * (d + 1), 8.0 * 4 * m * d * d)


def solve(problem: Problem, start: Array, settings: Settings) -> Solution:
    """Return the mean endpoint and the covariance, step by step, by the law of total covariance."""
    m, d = problem.batches, problem.parameters
    F, f = step_maps(problem, start, settings.step_size)
    A = np.eye(d) + F
    x, covariance = np.zeros(d), np.zeros((d, d))
    for _ in range(settings.epochs * m):
        moves = F @ x + f
        mean = moves.mean(axis=0)
        gaps = moves - mean
        covariance = (A @ covariance @ A.transpose(0, 2, 1)).mean(axis=0) + gaps.T @ gaps / m
        x = x + mean
    return Solution(start + x, covariance)


DRAWS = Method("independent draws", False, obstacle, cost, solve)
