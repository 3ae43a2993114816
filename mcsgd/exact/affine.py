"""Steps on quadratic batches: affine maps."""

from __future__ import annotations

import numpy as np

from mcsgd.problems import LinearRegression, Quadratic
from mcsgd.problems.base import Array, Problem

__all__ = ["is_quadratic", "step_maps"]


def is_quadratic(problem: Problem) -> bool:
    """Whether every batch loss is a quadratic function of the parameters."""
    return isinstance(problem, Quadratic | LinearRegression)


def step_maps(problem: Problem, origin: Array, step_size: float) -> tuple[Array, Array]:
    """Return F (m, d, d) and f (m, d): a step on batch k takes origin + x to origin + x + F_k x + f_k.

    F_k = -eps H_k and f_k = -eps g_k(origin): what a step adds, so that no digits are lost to the
    identity beside it.
    """
    units = np.eye(problem.parameters)
    hessians = np.stack([problem.hessian_vectors(origin, unit) for unit in units], axis=2)
    return -step_size * hessians, -step_size * problem.gradients(origin)
