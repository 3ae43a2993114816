"""Step kernels of small problems: eight trajectories side by side, each with the numbers of its own batch.

Parameter j of trajectory t stands at [j, t] of the state. Sixteen trajectories make all their steps before
the next, in registers; with few batches, their numbers are in registers too.
"""

from __future__ import annotations

from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.simd import LANES, fma, gather, load, lookup, splat, store

MOST_LOOKED_UP = 16
GROUP = 2 * LANES


@inline
def factorization_step(a, b, curvature, slope, eps):
    """Step a b x: the batch's mean slope in p = a b is curvature p - slope."""
    pull = eps * fma(a * b, curvature, -slope)
    return fma(-pull, b, a), fma(-pull, a, b)


@jit
def factorization(gradient, data, state, visits, rows, plan):
    """Step a b x; data = (curvature, slope), each one number a batch and at least 16."""
    curvature, slope = data
    width = visits.shape[1]
    flat, eps = visits.reshape(-1), splat(plan.step_size)
    for t in range(0, width, GROUP):
        a, b = load(state, t), load(state, width + t)
        c, d = load(state, t + LANES), load(state, width + t + LANES)
        if plan.batches <= MOST_LOOKED_UP:
            for at in range(t, len(visits) * width, width):
                k, l = load(flat, at), load(flat, at + LANES)
                a, b = factorization_step(a, b, lookup(curvature, 0, k), lookup(slope, 0, k), eps)
                c, d = factorization_step(c, d, lookup(curvature, 0, l), lookup(slope, 0, l), eps)
        else:
            for at in range(t, len(visits) * width, width):
                k, l = load(flat, at), load(flat, at + LANES)
                a, b = factorization_step(a, b, gather(curvature, 0, k), gather(slope, 0, k), eps)
                c, d = factorization_step(c, d, gather(curvature, 0, l), gather(slope, 0, l), eps)
        store(state, t, a)
        store(state, width + t, b)
        store(state, t + LANES, c)
        store(state, width + t + LANES, d)
