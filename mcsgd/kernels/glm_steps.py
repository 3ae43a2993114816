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
from mcsgd.kernels.simd import LANES, fma, load, splat, store, totals
from mcsgd.kernels.steps import batch_of, fixed_batch, sorted_by_batch
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


@inline
def products_with_rows(X, rows, width, state, w, z):
    """Fill in z[i] = w . x for the example that begins at rows[i] of X (flat), for whole vectors of them."""
    for i in range(0, z.size, LANES):
        a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        e, f, g, h = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for v in range(0, width, LANES):
            part = load(state, w + v)
            a, b = fma(load(X, rows[i] + v), part, a), fma(load(X, rows[i + 1] + v), part, b)
            c, d = fma(load(X, rows[i + 2] + v), part, c), fma(load(X, rows[i + 3] + v), part, d)
            e, f = fma(load(X, rows[i + 4] + v), part, e), fma(load(X, rows[i + 5] + v), part, f)
            g, h = fma(load(X, rows[i + 6] + v), part, g), fma(load(X, rows[i + 7] + v), part, h)
        store(z, i, totals(a, b, c, d, e, f, g, h))


@inline
def step_along_rows(X, rows, width, z, state, w, keep, rate):
    """Replace w by keep w + rate sum_i z[i] x_i, the examples as for `products_with_rows`.

    Two vectors of features and four examples at a time: eight sums that do not wait for each other.
    """
    for v in range(0, width, 2 * LANES):
        u = min(v + LANES, width - LANES)  # of an odd number of vectors, the last one twice
        a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        e, f, g, h = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for i in range(0, z.size, 4):
            s, t = splat(z[i]), splat(z[i + 1])
            a, e = fma(load(X, rows[i] + v), s, a), fma(load(X, rows[i] + u), s, e)
            b, f = fma(load(X, rows[i + 1] + v), t, b), fma(load(X, rows[i + 1] + u), t, f)
            s, t = splat(z[i + 2]), splat(z[i + 3])
            c, g = fma(load(X, rows[i + 2] + v), s, c), fma(load(X, rows[i + 2] + u), s, g)
            d, h = fma(load(X, rows[i + 3] + v), t, d), fma(load(X, rows[i + 3] + u), t, h)
        first = fma(splat(rate), (a + b) + (c + d), splat(keep) * load(state, w + v))
        second = fma(splat(rate), (e + f) + (g + h), splat(keep) * load(state, w + u))
        store(state, w + v, first)
        store(state, w + u, second)


@jit
def reshuffled_examples(gradient, data, state, visits, rows, step_size, shape):
    """Step all trajectories on batches of their own: the examples are read where they stand."""
    X, _, Y, sizes, l2, family = data
    height, width, flat = sizes[0], X.shape[1], X.reshape(-1)
    z, y, places = aligned(height), aligned(height), np.empty(height, np.int64)
    keep = 1.0 - step_size * l2
    for t in range(state.size // shape.state_size):
        for visited in visits:
            members = batch_of(visited, t, rows, shape)
            size = members.size
            for i in range(height):
                member = members[min(i, size - 1)]
                places[i], y[i] = member * width, Y[member, 0]
            products_with_rows(flat, places, width, state, t * shape.state_size, z)
            if family == LOGISTIC:
                logistic_slopes(z, 0, y, 0, height)
            else:
                residuals(z, 0, y, 0, height)
            z[size:] = 0.0
            step_along_rows(flat, places, width, z, state, t * shape.state_size, keep, -step_size / size)
