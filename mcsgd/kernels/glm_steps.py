"""Step kernels of linear and logistic regression.

Up to GROUP trajectories that are at the same batch go through it together: the products w . x_i of all its
examples, eight examples to a vector; the slopes of their losses; and the sums of slopes times
examples, eight features to a vector. The data is (X, XT, Y, sizes, l2, family), see `mcsgd.kernels.steps`.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.glm import LOGISTIC
from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned, multiply, multiply_into
from mcsgd.kernels.simd import LANES, load, store
from mcsgd.kernels.steps import batch_of, empty_batch, fixed_batch, pack, sorted_by_batch
from mcsgd.kernels.vmath import logistic, logistic_4

GROUP = 24


@inline
def logistic_slopes(z, at, y, y_at, size):
    """Replace products z by logistic(z) - y, `size` of them, whole vectors."""
    v = 0
    while v + 4 * LANES <= size:
        a, b = at + v, y_at + v
        s = logistic_4(load(z, a), load(z, a + LANES), load(z, a + 2 * LANES), load(z, a + 3 * LANES))
        store(z, a, s[0] - load(y, b))
        store(z, a + LANES, s[1] - load(y, b + LANES))
        store(z, a + 2 * LANES, s[2] - load(y, b + 2 * LANES))
        store(z, a + 3 * LANES, s[3] - load(y, b + 3 * LANES))
        v += 4 * LANES
    while v < size:
        store(z, at + v, logistic(load(z, at + v)) - load(y, y_at + v))
        v += LANES


@inline
def residuals(z, at, y, y_at, size):
    """Replace products z by z - y, `size` of them, whole vectors."""
    for v in range(0, size, LANES):
        store(z, at + v, load(z, at + v) - load(y, y_at + v))


@inline
def step_group(state, bases, count, batch, work, step_size, shape, l2, family):
    """Step `count` <= GROUP trajectories, whose states begin at `bases`, on one batch."""
    z, z_bases = work
    height, width = batch.height, batch.width
    features = shape.parameters
    multiply(state, bases, count, 1, batch.XT, batch.at, height, features, height // LANES, z, 0, height)
    for i in range(count):
        if family == LOGISTIC:
            logistic_slopes(z, i * height, batch.Y, batch.y_at, height)
        else:
            residuals(z, i * height, batch.Y, batch.y_at, height)
    rate, keep, vectors = -step_size / batch.size, 1.0 - step_size * l2, width // LANES
    multiply_into(
        z, z_bases, count, 1, batch.X, batch.at, width, batch.size, vectors, state, bases, keep, rate
    )


@inline
def workspace(height):
    """Return what `step_group` works in."""
    return aligned(GROUP * height), np.arange(GROUP) * height


@jit
def fixed_batches(gradient, data, state, visits, rows, step_size, shape):
    """Step all trajectories on the fixed batches that they visit."""
    X, XT, Y, sizes, l2, family = data
    work, bases = workspace(X.shape[1]), np.empty(GROUP, np.int64)
    for visited in visits:
        order, starts = sorted_by_batch(visited, state.size // shape.state_size, shape.batches)
        for k in range(shape.batches):
            batch = fixed_batch(X, XT, Y, sizes, k)
            for begin in range(starts[k], starts[k + 1], GROUP):
                count = min(GROUP, starts[k + 1] - begin)
                for i in range(count):
                    bases[i] = order[begin + i] * shape.state_size
                step_group(state, bases, count, batch, work, step_size, shape, l2, family)


@jit
def reshuffled_examples(gradient, data, state, visits, rows, step_size, shape):
    """Step all trajectories on batches of their own."""
    X, _, Y, sizes, l2, family = data
    work, bases = workspace(sizes[0]), np.empty(1, np.int64)
    packed = empty_batch(sizes[0], X.shape[1], 1)
    for t in range(state.size // shape.state_size):
        bases[0] = t * shape.state_size
        for visited in visits:
            batch = pack(X, Y, batch_of(visited, t, rows, shape), packed)
            step_group(state, bases, 1, batch, work, step_size, shape, l2, family)
