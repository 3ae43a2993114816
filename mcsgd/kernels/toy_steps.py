"""Step kernels of small problems: eight trajectories side by side, each with the numbers of its own batch.

Parameter j of trajectory t stands at [j, t] of the state. Sixteen trajectories make all their steps before
the next, in registers; with few batches, their numbers are in registers too.
"""

from __future__ import annotations

from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned
from mcsgd.kernels.simd import LANES, fma, gather, load, lookup, splat, store

MOST_LOOKED_UP = 16
GROUP = 2 * LANES


@inline
def factorization_step(a, b, curvature, slope, eps):
    """Step a b x: the batch's mean slope in p = a b is curvature p - slope."""
    pull = fma(a * b, curvature, -slope)
    return fma(-pull, eps * b, a), fma(-pull, eps * a, b)  # eps first: it does not wait for the pull


@jit
def factorization(gradient, data, state, visits, rows, step_size, shape):
    """Step a b x; data = (table,) with rows of curvatures and slopes by batch, at least 16 numbers long."""
    (table,) = data
    slopes, looked_up = table.shape[1], shape.batches <= MOST_LOOKED_UP
    width, end, eps = visits.shape[1], visits.size, splat(step_size)
    for t in range(0, width, GROUP):
        a, b = load(state, t), load(state, width + t)
        c, d = load(state, t + LANES), load(state, width + t + LANES)
        if looked_up:
            for at in range(t, end, width):
                k, n = load(visits, at), load(visits, at + LANES)
                a, b = factorization_step(a, b, lookup(table, 0, k), lookup(table, slopes, k), eps)
                c, d = factorization_step(c, d, lookup(table, 0, n), lookup(table, slopes, n), eps)
        else:
            for at in range(t, end, width):
                k, n = load(visits, at), load(visits, at + LANES)
                a, b = factorization_step(a, b, gather(table, 0, k), gather(table, slopes, k), eps)
                c, d = factorization_step(c, d, gather(table, 0, n), gather(table, slopes, n), eps)
        store(state, t, a)
        store(state, width + t, b)
        store(state, t + LANES, c)
        store(state, width + t + LANES, d)


@inline
def affine_step(table, batches, stride, d, state, t, width, k, eps, slopes):
    """Step eight trajectories at the batches k; `slopes` (d, LANES) is work space."""
    for i in range(d):
        row = i * (d + 1) * stride
        if batches <= MOST_LOOKED_UP:
            total = lookup(table, row + d * stride, k)
            for j in range(d):
                total = fma(lookup(table, row + j * stride, k), load(state, j * width + t), total)
        else:
            total = gather(table, row + d * stride, k)
            for j in range(d):
                total = fma(gather(table, row + j * stride, k), load(state, j * width + t), total)
        store(slopes, i * LANES, total)
    for i in range(d):
        at = i * width + t
        store(state, at, fma(-eps, load(slopes, i * LANES), load(state, at)))


@jit
def affine(gradient, data, state, visits, rows, step_size, shape):
    """Step w - eps (H_k w - b_k).

    The data is (table,) with rows as long as for `factorization`: H_k[i, 0], ..., H_k[i, d - 1], -b_k[i] for
    each i in turn.
    """
    (table,) = data
    d, width, stride = shape.parameters, visits.shape[1], table.shape[1]
    flat, numbers, eps = visits.reshape(-1), table.reshape(-1), splat(step_size)
    slopes, more_slopes = aligned(d * LANES), aligned(d * LANES)
    for t in range(0, width, GROUP):
        more = t + LANES
        for at in range(0, len(visits) * width, width):
            k, n = load(flat, at + t), load(flat, at + more)
            affine_step(numbers, shape.batches, stride, d, state, t, width, k, eps, slopes)
            affine_step(numbers, shape.batches, stride, d, state, more, width, n, eps, more_slopes)
