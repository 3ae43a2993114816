"""Step kernels of small problems: eight trajectories side by side, each with the numbers of its own batch.

Parameter j of trajectory t stands at [j, t] of the state. Sixteen trajectories make all their steps before
the next, in registers; with few batches, their numbers are in registers too.
"""

from __future__ import annotations

from mcsgd.kernels.gathering import collect, gather_pairs, lookup
from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned
from mcsgd.kernels.simd import LANES, fma, load, splat, store

MOST_LOOKED_UP = 16
GROUP = 2 * LANES


@inline
def factorization_step(a, b, numbers, eps):
    """Step a b x: the batch's mean slope in p = a b is curvature p - slope; numbers = (curvature, slope)."""
    curvature, slope = numbers
    pull = fma(a * b, curvature, -slope)
    return fma(-pull, eps * b, a), fma(-pull, eps * a, b)  # eps first: it does not wait for the pull


@inline
def look_up_pairs(table, index, at):
    """Return the two rows' numbers of up to 16 batches."""
    k = load(index, at)
    return lookup(table, 0, k), lookup(table, table.shape[1], k)


@jit
def factorization(gradient, data, state, visits, rows, step_size, shape):
    """Step a b x; data = (table,): curvature and slope of each batch, (m, 2), of few batches (2, 16)."""
    (table,) = data
    few = shape.batches <= MOST_LOOKED_UP
    width, end, eps = visits.shape[1], visits.size, splat(step_size)
    for t in range(0, width, GROUP):
        a, b = load(state, t), load(state, width + t)
        c, d = load(state, t + LANES), load(state, width + t + LANES)
        if few:
            for at in range(t, end, width):
                a, b = factorization_step(a, b, look_up_pairs(table, visits, at), eps)
                c, d = factorization_step(c, d, look_up_pairs(table, visits, at + LANES), eps)
        else:
            for at in range(t, end, width):
                a, b = factorization_step(a, b, gather_pairs(table, visits, at), eps)
                c, d = factorization_step(c, d, gather_pairs(table, visits, at + LANES), eps)
        store(state, t, a)
        store(state, width + t, b)
        store(state, t + LANES, c)
        store(state, width + t + LANES, d)


@inline
def affine_number(table, few, stride, j, k, numbers):
    """Return number j of the batches k: of few from registers, else from what was collected."""
    return lookup(table, j * stride, k) if few else load(numbers, j * LANES)


@inline
def affine_step(table, few, stride, d, state, t, width, visits, at, eps, work):
    """Step eight trajectories, t and so on, on the batches visits[at] and so on."""
    numbers, slopes = work
    k = load(visits, at)
    if not few:
        for j in range(0, stride, LANES):
            collect(table, stride, j, visits, at, numbers, j * LANES)
    for i in range(d):
        row = i * (d + 1)
        total = affine_number(table, few, stride, row + d, k, numbers)
        for j in range(d):
            number = affine_number(table, few, stride, row + j, k, numbers)
            total = fma(number, load(state, j * width + t), total)
        store(slopes, i * LANES, total)
    for i in range(d):
        here = i * width + t
        store(state, here, fma(-eps, load(slopes, i * LANES), load(state, here)))


@jit
def affine(gradient, data, state, visits, rows, step_size, shape):
    """Step w - eps (H_k w - b_k).

    The data is (table,): H_k[i, 0], ..., H_k[i, d - 1], -b_k[i] for each i in turn, a row of whole vectors
    for each batch; of few batches (d (d + 1), 16).
    """
    (table,) = data
    d, width, stride, few = shape.parameters, visits.shape[1], table.shape[1], shape.batches <= MOST_LOOKED_UP
    flat, table_, eps = visits.reshape(-1), table.reshape(-1), splat(step_size)
    size = 0 if few else stride
    work = aligned(size * LANES), aligned(d * LANES)
    more_work = aligned(size * LANES), aligned(d * LANES)
    for t in range(0, width, GROUP):
        for at in range(t, visits.size, width):
            affine_step(table_, few, stride, d, state, t, width, flat, at, eps, work)
            affine_step(table_, few, stride, d, state, t + LANES, width, flat, at + LANES, eps, more_work)
