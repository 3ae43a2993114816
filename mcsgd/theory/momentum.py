"""First-order fields of heavy ball: v = beta v - h g, w = w + v, the velocity kept across epochs.

The time of a step is h, though the flow is faster than gradient flow by 1/(1 - beta):

    w' = -(1/(1 - beta)) grad [ C + h (1 + beta)/(4 (1 - beta)^2) abs(grad C)^2
                                  + (h kappa/2) (1/m) sum_k abs(grad C_k - grad C)^2 ]

The first two terms are those of full-batch gradient descent (Ghosh, Lyu, Zhang, Wang 2023, theorem 4.1). The
third belongs to fixed batches in random order: two steps i < j of an epoch are at different batches, so
their gradients are correlated by -1/(m - 1), and step i's part of the velocity has moved step j by
(1 - beta^(j - i))/(1 - beta) of itself; summed over an epoch's pairs,

    kappa = (1/(m (m - 1))) sum_{i<j} (1 - beta^(j - i))/(1 - beta),

1/2 at beta = 0 (own result). Started from v = 0 the flow starts at w0 + h beta/(1 - beta)^2 grad C(w0): the
velocity that is still to build up. Slope of the error at fixed time: 2, and 1 without this shift.
"""

from __future__ import annotations

import numpy as np

from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.first_order import VectorField

__all__ = ["gd", "gradient", "order_coefficient", "sgd", "velocity_shift"]


def order_coefficient(momentum: float, batches: int) -> float:
    """Return kappa, the weight of the batches' variance under a fresh random order every epoch."""
    if batches < 2:
        return 0.5
    gaps = np.arange(1, batches)
    moved = (1 - momentum**gaps) / (1 - momentum)
    return float(((batches - gaps) * moved).sum() / (batches * (batches - 1)))


def velocity_shift(problem: Problem, settings: Settings, w: Array, change: float) -> Array:
    """Return how far a flow is moved where the step size grows by `change` (from 0 at the start)."""
    beta = settings.momentum
    return np.asarray(change * beta / (1 - beta) ** 2 * problem.gradients(w).mean(axis=0))


def gradient(problem: Problem, settings: Settings) -> VectorField:
    """Return -g/(1 - beta), the limit of small steps."""
    speed = 1 / (1 - settings.momentum)
    return lambda w: -speed * problem.gradients(w).mean(axis=0)


def gd(problem: Problem, settings: Settings) -> VectorField:
    """Return the field of full-batch gradient descent, and of the mean with replacement."""
    return _field(problem, settings, 0.0)


def sgd(problem: Problem, settings: Settings) -> VectorField:
    """Return the field of the mean over orders: with the variance of batches, or of reshuffled examples.

    For reshuffled examples the mean over compositions of <H_k g_k> - H g is k2 = (m - 1)/(N - 1) times that
    over examples, as without momentum.
    """
    kappa = order_coefficient(settings.momentum, problem.batches)
    if settings.sampling == "reshuffle-examples":
        k2 = (problem.batches - 1) / max(problem.examples - 1, 1)
        return _field(problem.with_batch_size(1), settings, kappa * k2)
    return _field(problem, settings, kappa)


def _field(problem: Problem, settings: Settings, variance: float) -> VectorField:
    """Return -(g + h (a H g + variance (<H_k g_k> - H g)))/(1 - beta), a = (1 + beta)/(2 (1 - beta)^2)."""
    beta, h = settings.momentum, settings.step_size
    a = (1 + beta) / (2 * (1 - beta) ** 2)

    def field(w: Array) -> Array:
        g_k = problem.gradients(w)
        g = g_k.mean(axis=0)
        curved = problem.hessian_vectors(w, (a - variance) * g + variance * g_k).mean(axis=0)
        return np.asarray(-(g + h * curved) / (1 - beta))

    return field
