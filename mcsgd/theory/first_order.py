"""Modified vector fields to first order in the step size: what shuffled SGD follows on average.

C_k is the loss of batch k, g_k and H_k its gradient and Hessian, C, g, H their means over the m
batches, eps the step size. A field is w' = f0 + eps f1 with f0 = -g.

| field | modified loss | source |
|---|---|---|
| gradient | C | |
| gd | C + (eps/4) abs(grad C)^2 | Barrett and Dherin (2021), eq. 2 |
| sgd | C + (eps/4m) sum_k abs(grad C_k)^2 | Smith, Dherin, Barrett, De (2021), eq. 1 |

Under other samplings, "sgd" is the first-order field that belongs to them, where they have one of
their own: see `sgd`. With n substeps of alpha = eps/n on each batch, alpha stands in place of eps where
batches do not mix: C + (alpha/4m) sum_k abs(grad C_k)^2 (Smith et al. 2021, section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mcsgd.problems.base import Array, Problem
from mcsgd.problems.stepper import batch_sizes
from mcsgd.settings import Settings

__all__ = ["VectorField", "gd", "gradient", "sgd"]

VectorField: TypeAlias = Callable[[Array], Array]


def gradient(problem: Problem, settings: Settings) -> VectorField:
    """Return gradient flow, f0 = -g."""
    return lambda w: -problem.gradients(w).mean(axis=0)


def gd(problem: Problem, settings: Settings) -> VectorField:
    """Return f0 + eps f1 with f1 = -(1/2) H g: gradient flow on C + (eps/4) |grad C|^2.

    Full-batch gradient descent follows it, and so does the mean of SGD with replacement.
    """

    def field(w: Array) -> Array:
        g = problem.gradients(w).mean(axis=0)
        return np.asarray(-g - settings.rate / 2 * problem.hessian_vectors(w, g).mean(axis=0))

    return field


def sgd(problem: Problem, settings: Settings) -> VectorField:
    """Return the first-order field of the mean over orders, for the sampling in use.

    - random-order, shuffle-once: f1 = -(1/2m) sum_k H_k g_k (Smith et al. 2021). Under
      with-replacement this is the same formula, which does not belong there: use gd.
    - reshuffle-examples: f1 = -(1/2) (H g + k2 (<H_i g_i> - H g)), i over examples,
      k2 = (m - 1)/(N - 1): gradient flow on C + (eps/4) (|grad C|^2 + k2 Gamma) with Gamma the
      variance of the examples' gradients. If B divides N, k2 = (N - B)/(B (N - 1)) (Smith et
      al. 2021, section 3); here C is the mean over examples, also where B does not divide N.
    - given-order pi: f1 = -(1/2m) sum_k H_k g_k
      + (1/2m) sum_{i<j} (H_{pi_j} g_{pi_i} - H_{pi_i} g_{pi_j}), the field of this one order.
    - full-batch: gd.
    """
    return _FIRST_ORDER[settings.sampling](problem, settings)


def _fixed_batches(problem: Problem, settings: Settings) -> VectorField:
    def field(w: Array) -> Array:
        g = problem.gradients(w)
        return np.asarray(-g.mean(axis=0) - settings.rate / 2 * problem.hessian_vectors(w, g).mean(axis=0))

    return field


def _reshuffled_examples(problem: Problem, settings: Settings) -> VectorField:
    N, m, eps = problem.examples, problem.batches, settings.step_size
    examples = problem.with_batch_size(1)
    k2 = (m - 1) / (N - 1) if N > 1 else 0.0
    # Substeps undo a part of <H_k g_k>, whose mean over compositions is H g + within (<H_i g_i> - H g).
    sizes = batch_sizes(N, problem.batch_size)
    within = float(np.mean((N - sizes) / (sizes * max(N - 1, 1))))
    undone = eps - settings.rate
    mixed = eps * k2 - undone * within

    def field(w: Array) -> Array:
        g_i = examples.gradients(w)
        g = g_i.mean(axis=0)
        # a H g + b <H_i g_i> is the mean of H_i applied to a mixture of g and g_i.
        mixture = (settings.rate - mixed) * g + mixed * g_i
        return np.asarray(-g - examples.hessian_vectors(w, mixture).mean(axis=0) / 2)

    return field


def _given_order(problem: Problem, settings: Settings) -> VectorField:
    order, eps = np.array(settings.order), settings.step_size

    def field(w: Array) -> Array:
        g = problem.gradients(w)
        before, after = np.zeros_like(g), np.zeros_like(g)
        before[order[1:]] = np.cumsum(g[order], axis=0)[:-1]
        after[order[:-1]] = np.cumsum(g[order][::-1], axis=0)[:-1][::-1]
        return np.asarray(
            -g.mean(axis=0)
            - problem.hessian_vectors(w, settings.rate * g + eps * (after - before)).mean(axis=0) / 2
        )

    return field


_FIRST_ORDER = {
    "random-order": _fixed_batches,
    "shuffle-once": _fixed_batches,
    "with-replacement": _fixed_batches,
    "reshuffle-examples": _reshuffled_examples,
    "given-order": _given_order,
    "full-batch": _fixed_batches,
}
