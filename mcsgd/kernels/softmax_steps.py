"""Step kernels of softmax regression.

A few trajectories that are at the same batch go through it together: the scores of all examples and
classes, eight examples to a vector; the softmax over the classes; and the sums over examples, eight
features to a vector. A trajectory's state is the weight matrix with padded rows, (K, p'). The data is
(X, XT, onehot, sizes, l2), see `mcsgd.kernels.steps`.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned, multiply, multiply_into
from mcsgd.kernels.simd import LANES, load, select, splat, store
from mcsgd.kernels.steps import (
    batch_of,
    empty_batch,
    fixed_batch,
    pack,
    sorted_by_batch,
    weigh_examples,
)
from mcsgd.kernels.vmath import exp

ROWS = 60
"""Rows of scores in flight, one for each class of each trajectory of a group."""


@inline
def softmax_slopes(z, at, classes, batch, weights):
    """Replace scores (K, height) by (softmax - onehot) weight, weights (height)."""
    for v in range(0, batch.height, LANES):
        first = at + v
        top = load(z, first)
        for c in range(1, classes):
            score = load(z, first + c * batch.height)
            top = select(score > top, score, top)
        mass = splat(0.0)
        for c in range(classes):
            e = exp(load(z, first + c * batch.height) - top)
            store(z, first + c * batch.height, e)
            mass = mass + e
        inverse = splat(1.0) / mass
        for c in range(classes):
            place = c * batch.height
            p = load(z, first + place) * inverse - load(batch.Y, batch.y_at + v + place)
            store(z, first + place, p * load(weights, v))


@inline
def step_group(state, starts, count, batch, classes, work, step_size, shape, l2):
    """Step `count` trajectories, whose states begin at `starts`, on one batch."""
    bases, z, z_bases, weights = work
    height, width = batch.height, batch.width
    for i in range(count):
        for c in range(classes):
            bases[i * classes + c] = starts[i] + c * width
    rows, features = count * classes, shape.parameters // classes
    weigh_examples(batch, weights)
    multiply(state, bases, rows, 1, batch.XT, batch.at, height, features, height // LANES, z, 0, height)
    for i in range(count):
        softmax_slopes(z, i * classes * height, classes, batch, weights)
    rate, keep, vectors = -step_size, 1.0 - step_size * l2, width // LANES
    multiply_into(
        z, z_bases, rows, 1, batch.X, batch.at, width, batch.size, vectors, state, bases, keep, rate
    )


@inline
def workspace(group, classes, height):
    """Return what `step_group` works in."""
    rows = group * classes
    return np.empty(rows, np.int64), aligned(rows * height), np.arange(rows) * height, aligned(height)


@jit
def fixed_batches(gradient, data, state, visits, rows, step_size, shape):
    """Step all trajectories on the fixed batches that they visit."""
    X, XT, onehot, sizes, l2 = data
    classes = onehot.shape[1]
    group = max(1, ROWS // classes)
    work, members = workspace(group, classes, X.shape[1]), np.empty(group, np.int64)
    for visited in visits:
        order, starts = sorted_by_batch(visited, state.size // shape.state_size, shape.batches)
        for k in range(shape.batches):
            batch = fixed_batch(X, XT, onehot, sizes, k)
            for begin in range(starts[k], starts[k + 1], group):
                count = min(group, starts[k + 1] - begin)
                for i in range(count):
                    members[i] = order[begin + i] * shape.state_size
                step_group(state, members, count, batch, classes, work, step_size, shape, l2)


@jit
def reshuffled_examples(gradient, data, state, visits, rows, step_size, shape):
    """Step all trajectories on batches of their own."""
    X, _, onehot, sizes, l2 = data
    classes = onehot.shape[1]
    work, members = workspace(1, classes, sizes[0]), np.empty(1, np.int64)
    packed = empty_batch(sizes[0], X.shape[1], classes)
    for t in range(state.size // shape.state_size):
        members[0] = t * shape.state_size
        for visited in visits:
            batch = pack(X, onehot, batch_of(visited, t, rows, shape), packed)
            step_group(state, members, 1, batch, classes, work, step_size, shape, l2)
