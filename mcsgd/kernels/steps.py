"""Step kernels: all trajectories of a block make some steps. Common parts, and the kernel for any problem.

A step kernel is ``advance(gradient, data, state, visits, rows, step_size, shape)``: trajectory t steps on
the batches k = visits[0, t], visits[1, t], ...; batch k holds the examples rows[t, k B : (k + 1) B] where
examples are reshuffled, else k B, ..., k B + B - 1. `state` is flat, `shape.state_size` numbers for each
trajectory. What a trajectory computes must not depend, to the last bit, on the others.

The kernels of problems with a data matrix come in two: for fixed batches, with the data (X, XT, Y, sizes,
...) of `fixed_batch`, X and Y cut into batches beforehand; and for reshuffled examples, where X (N, width)
and Y (N, outputs) hold all examples, XT is not used, and sizes is [height].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned
from mcsgd.kernels.simd import LANES, load, splat, store, transpose

__all__ = [
    "Batch",
    "Shape",
    "adam",
    "batch_of",
    "eight_at_once",
    "empty_batch",
    "fixed_batch",
    "one_by_one",
    "pack",
    "sorted_by_batch",
    "weigh_examples",
]


class Shape(NamedTuple):
    """All that a step kernel needs to know of problem and sampling besides its data.

    Numbers alone: with every array that a function is passed, numba counts references.
    """

    parameters: int
    state_size: int  # numbers that a step kernel keeps of a trajectory, the parameters and padding
    batches: int
    batch_size: int
    examples: int
    reshuffled: bool  # every trajectory has batches of its own, new in every epoch


class Batch(NamedTuple):
    """A batch in flat arrays of whole vectors, filled up with zeros."""

    X: NDArray[np.float64]  # (height, width) from `at` on: an example a row
    XT: NDArray[np.float64]  # (width, height) from `at` on: its transpose
    at: int
    Y: NDArray[np.float64]  # (outputs, height) from `y_at` on: an example a column
    y_at: int
    size: int  # number of examples
    height: int
    width: int


@inline
def batch_of(visited, t, rows, shape):
    """Return the examples of the batch that trajectory t visits; the last batch may be smaller."""
    k = visited[t]
    members = rows[t] if shape.reshuffled else rows[0]
    return members[k * shape.batch_size : min((k + 1) * shape.batch_size, shape.examples)]


@jit
def one_by_one(gradient, data, state, visits, rows, step_size, shape):
    """Step each trajectory by the problem's gradient kernel: for problems without a kernel of their own."""
    d = shape.state_size
    g = np.empty(d)
    for t in range(state.size // d):
        w = state[t * d : (t + 1) * d]
        for visited in visits:
            gradient(w, batch_of(visited, t, rows, shape), data, g)
            for j in range(d):
                w[j] -= step_size * g[j]


@jit
def adam(gradient, data, state, visits, rows, step_size, shape):
    """Step each trajectory by Adam; data = (the problem's data, beta1, beta2, epsilon).

    The state is (w, m, v, steps made), 3 d + 1 numbers.
    """
    inner, beta1, beta2, epsilon = data
    d, size = shape.parameters, shape.state_size
    g = np.empty(d)
    for t in range(state.size // size):
        w, m, v = state[t * size :], state[t * size + d :], state[t * size + 2 * d :]
        for visited in visits:
            gradient(w[:d], batch_of(visited, t, rows, shape), inner, g)
            v[d] += 1.0
            seen1, seen2 = 1.0 - beta1 ** v[d], 1.0 - beta2 ** v[d]
            for j in range(d):
                m[j] = beta1 * m[j] + (1.0 - beta1) * g[j]
                v[j] = beta2 * v[j] + (1.0 - beta2) * g[j] * g[j]
                w[j] -= step_size * (m[j] / seen1) / np.sqrt(v[j] / seen2 + epsilon)


@inline
def sorted_by_batch(visited, count, batches):
    """Return the trajectories in the order of the batch they visit, and where each batch's begin."""
    starts = np.zeros(batches + 1, np.int64)
    for t in range(count):
        starts[visited[t] + 1] += 1
    for k in range(batches):
        starts[k + 1] += starts[k]
    order, free = np.empty(count, np.int64), starts.copy()
    for t in range(count):
        k = visited[t]
        order[free[k]] = t
        free[k] += 1
    return order, starts


@jit
def eight_at_once(gradient, data, state, visits, rows, step_size, shape):
    """Step eight trajectories that are at the same fixed batch by one call of `mcsgd.kernels.across`.

    Where fewer are left at a batch, the last of them fills the other lanes.
    """
    d, size = shape.parameters, shape.state_size  # the latter in whole vectors
    held, w, g = aligned(LANES * size), aligned(LANES * size), aligned(LANES * size)
    g[:] = 0.0
    for visited in visits:
        order, starts = sorted_by_batch(visited, state.size // size, shape.batches)
        for k in range(shape.batches):
            members = rows[0, k * shape.batch_size : min((k + 1) * shape.batch_size, shape.examples)]
            for begin in range(starts[k], starts[k + 1], LANES):
                count = min(LANES, starts[k + 1] - begin)
                for i in range(LANES):
                    base = order[begin + min(i, count - 1)] * size
                    for v in range(0, size, LANES):
                        store(held, i * size + v, load(state, base + v))
                for v in range(0, size, LANES):
                    transpose(held, v, size, w, v * LANES, LANES)
                gradient(w[: LANES * d], members, data, g[: LANES * d])
                for v in range(0, size, LANES):
                    transpose(g, v * LANES, LANES, held, v, size)
                for i in range(count):
                    base = order[begin + i] * size
                    for v in range(0, size, LANES):
                        step = splat(step_size) * load(held, i * size + v)
                        store(state, base + v, load(state, base + v) - step)


@inline
def empty_batch(height, width, outputs):
    """Return a batch to pack examples into."""
    size = height * width
    Y = aligned(outputs * height)
    Y[:] = 0.0
    return Batch(aligned(size), aligned(size), 0, Y, 0, 0, height, width)


@inline
def pack(X, Y, members, into):
    """Return the examples `members`, rows of X (N, width) and Y (N, outputs), packed into a batch."""
    flat, height, width = X.reshape(-1), into.height, into.width
    for i in range(height):
        for v in range(0, width, LANES):
            row = load(flat, members[i] * width + v) if i < members.size else splat(0.0)
            store(into.X, i * width + v, row)
    for i in range(0, height, LANES):
        for v in range(0, width, LANES):
            transpose(into.X, i * width + v, width, into.XT, v * height + i, height)
    for i in range(members.size):
        for c in range(Y.shape[1]):
            into.Y[c * height + i] = Y[members[i], c]
    return Batch(into.X, into.XT, 0, into.Y, 0, members.size, height, width)


@inline
def fixed_batch(X, XT, Y, sizes, k):
    """Return fixed batch k of X (m, height, width), XT (m, width, height) and Y (m, outputs, height)."""
    _, height, width = X.shape
    at, y_at = k * height * width, k * Y.shape[1] * height
    return Batch(X.reshape(-1), XT.reshape(-1), at, Y.reshape(-1), y_at, sizes[k], height, width)


@inline
def weigh_examples(batch, weights):
    """Fill in one over the number of examples for each of them, and 0 for the padding."""
    weights[:] = 0.0
    weights[: batch.size] = 1.0 / batch.size
