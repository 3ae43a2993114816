"""Step kernels of the network with one hidden tanh layer.

One trajectory at a time, those at the same batch after each other: the first layer of all its examples
is a product of W1 with the batch, eight examples to a vector, and so on backwards. A trajectory's
state is W1 (h, p'), b1 (h'), W2 (K, h'), b2 (K'), with rows padded to whole vectors. The data is
(X, XT, Y, sizes, hidden, output, l2), see `mcsgd.kernels.steps`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.network import SOFTMAX
from mcsgd.kernels.products import aligned, multiply, multiply_into, padded
from mcsgd.kernels.simd import LANES, load, splat, store, total, transpose
from mcsgd.kernels.softmax_steps import softmax_slopes
from mcsgd.kernels.steps import (
    batch_of,
    empty_batch,
    fixed_batch,
    pack,
    sorted_by_batch,
    weigh_examples,
)
from mcsgd.kernels.vmath import tanh

Array = NDArray[np.float64]


class Work(NamedTuple):
    """What a step works in. Rows of padding are zero and stay so."""

    rows_1: NDArray[np.int64]  # where the rows of W1 begin
    rows_2: NDArray[np.int64]  # of W2
    columns_2: NDArray[np.int64]
    rows: NDArray[np.int64]  # of a, o and e
    a: Array  # (h', height): the hidden layer's values
    turned: Array  # (height, h'): their transpose
    o: Array  # (K, height): the outputs, then the loss's slopes in them
    e: Array  # (h, height): the slopes in the hidden layer's inputs
    weights: Array  # (height): one over the number of examples, 0 for padding


@inline
def workspace(height, width, hidden, outputs):
    """Return what `step` works in."""
    wide = padded(hidden)
    a = aligned(wide * height)
    a[:] = 0.0
    return Work(
        np.arange(hidden) * width,
        np.arange(outputs) * wide,
        np.arange(hidden),
        np.arange(max(hidden, outputs)) * height,
        a,
        aligned(height * wide),
        aligned(outputs * height),
        aligned(hidden * height),
        aligned(height),
    )


@inline
def hidden_layer(a, state, bias, hidden, height):
    """Replace W1 x (h, height) by tanh(W1 x + b1)."""
    for i in range(hidden):
        b = splat(state[bias + i])
        for v in range(0, height, LANES):
            store(a, i * height + v, tanh(load(a, i * height + v) + b))


@inline
def output_slopes(o, state, bias, outputs, output, batch, weights):
    """Replace W2 a (K, height) by the slopes of the example losses times weights (height)."""
    for c in range(outputs):
        b = splat(state[bias + c])
        for v in range(0, batch.height, LANES):
            place = c * batch.height + v
            value = load(o, place) + b
            if output != SOFTMAX:
                value = (value - load(batch.Y, batch.y_at + place)) * load(weights, v)
            store(o, place, value)
    if output == SOFTMAX:
        softmax_slopes(o, 0, outputs, batch, weights)


@inline
def back_through_tanh(e, a, hidden, height):
    """Multiply e (h, height) by 1 - a^2."""
    for v in range(0, hidden * height, LANES):
        h = load(a, v)
        store(e, v, load(e, v) * (splat(1.0) - h * h))


@inline
def sums_into(x, rows, height, out, at, keep, rate):
    """Replace out[at + i] by keep times it + rate times the sum of row i of x (rows, height)."""
    for i in range(rows):
        sums = load(x, i * height)
        for v in range(LANES, height, LANES):
            sums = sums + load(x, i * height + v)
        out[at + i] = keep * out[at + i] + rate * total(sums)


@inline
def step(own, batch, hidden, output, work, step_size, shape, l2):
    """Step the trajectory whose state is `own` on one batch; its weights are filled in."""
    rows_1, rows_2, columns_2, rows, a, turned, o, e, weights = work
    rate, keep = -step_size, 1.0 - step_size * l2
    size, height, width, vectors = batch.size, batch.height, batch.width, batch.height // LANES
    outputs, wide = o.size // height, padded(hidden)
    features = (shape.parameters - outputs * (hidden + 1)) // hidden - 1
    b1 = hidden * width
    b2 = b1 + wide + outputs * wide
    second = own[b1 + wide :]  # W2
    multiply(own, rows_1, hidden, 1, batch.XT, batch.at, height, features, vectors, a, 0, height)
    hidden_layer(a, own, b1, hidden, height)
    multiply(second, rows_2, outputs, 1, a, 0, height, hidden, vectors, o, 0, height)
    output_slopes(o, own, b2, outputs, output, batch, weights)
    multiply(second, columns_2, hidden, wide, o, 0, height, outputs, vectors, e, 0, height)
    back_through_tanh(e, a, hidden, height)
    multiply_into(e, rows, hidden, 1, batch.X, batch.at, width, size, width // LANES, own, rows_1, keep, rate)
    sums_into(e, hidden, height, own, b1, keep, rate)
    for i in range(0, wide, LANES):
        for v in range(0, height, LANES):
            transpose(a, i * height + v, height, turned, v * wide + i, wide)
    multiply_into(o, rows, outputs, 1, turned, 0, wide, size, wide // LANES, second, rows_2, keep, rate)
    sums_into(o, outputs, height, own, b2, keep, rate)


@jit
def fixed_batches(gradient, data, state, visits, rows, step_size, shape):
    """Step all trajectories on the fixed batches that they visit."""
    X, XT, Y, sizes, hidden, output, l2 = data
    work, size = workspace(X.shape[1], X.shape[2], hidden, Y.shape[1]), shape.state_size
    for visited in visits:
        order, starts = sorted_by_batch(visited, state.size // size, shape.batches)
        for k in range(shape.batches):
            batch = fixed_batch(X, XT, Y, sizes, k)
            weigh_examples(batch, work.weights)
            for i in range(starts[k], starts[k + 1]):
                own = state[order[i] * size : (order[i] + 1) * size]
                step(own, batch, hidden, output, work, step_size, shape, l2)


@jit
def reshuffled_examples(gradient, data, state, visits, rows, step_size, shape):
    """Step all trajectories on batches of their own."""
    X, _, Y, sizes, hidden, output, l2 = data
    work, size = workspace(sizes[0], X.shape[1], hidden, Y.shape[1]), shape.state_size
    packed = empty_batch(sizes[0], X.shape[1], Y.shape[1])
    for t in range(state.size // size):
        for visited in visits:
            batch = pack(X, Y, batch_of(visited, t, rows, shape), packed)
            weigh_examples(batch, work.weights)
            step(state[t * size : (t + 1) * size], batch, hidden, output, work, step_size, shape, l2)
