"""Fields of full-batch Adam with epsilon inside the root (Cattaneo, Klusowski, Shigida 2024, theorem 3.1).

After the first 1/(1 - beta) steps, with e = epsilon and abs(x)_{1,e} = sum_j sqrt(x_j^2 + e),

    w_j' = -( d_j C + (h/2) { (1 + beta1)/(1 - beta1) - (1 + beta2)/(1 - beta2)
               + (1 + beta2)/(1 - beta2) e/((d_j C)^2 + e) } d_j abs(grad C)_{1,e} ) / sqrt((d_j C)^2 + e).

Adam's bias correction makes its first steps those of the leading field, so the error at fixed time has slope
2 without a shift of the start. The expansion needs steps so small that the gradient hardly changes over
1/(1 - beta2) of them.
"""

from __future__ import annotations

import numpy as np

from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.first_order import VectorField

__all__ = ["gd", "gradient"]


def gradient(problem: Problem, settings: Settings) -> VectorField:
    """Return the limit of small steps, -g / sqrt(g^2 + e) in each coordinate."""
    e = settings.epsilon

    def field(w: Array) -> Array:
        g = problem.gradients(w).mean(axis=0)
        return np.asarray(-g / np.sqrt(g * g + e))

    return field


def gd(problem: Problem, settings: Settings) -> VectorField:
    """Return the first-order field."""
    e, h = settings.epsilon, settings.step_size
    first = (1 + settings.beta1) / (1 - settings.beta1)
    second = (1 + settings.beta2) / (1 - settings.beta2)

    def field(w: Array) -> Array:
        g = problem.gradients(w).mean(axis=0)
        root = np.sqrt(g * g + e)
        curved = problem.hessian_vectors(w, g / root).mean(axis=0)  # the gradient of |grad C|_{1,e}
        weight = first - second + second * e / (root * root)
        return np.asarray(-(g + h / 2 * weight * curved) / root)

    return field
