"""Orders in balanced sets: one sampling scheme for each that they are offered for; see `mcsgd.kernels.draws`.

A set is S = len(given) trajectories in a row. In each epoch trajectory t, the member t % S of set t // S,
visits the batches sigma[given[(t + r) % S]], where sigma, a uniformly random relabelling of the
batches, and r, a uniformly random number, are drawn from the stream t // S. So every trajectory by
itself has uniformly random orders, independent between epochs. The shift r matches the orders of one
epoch with those of another at random: matched always alike, their products, of order eps^4, would
not average out over the set.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.draws import GROUP, digit, shuffle
from mcsgd.kernels.jit import jit
from mcsgd.kernels.philox import random_words
from mcsgd.kernels.simd import LANES, counting, splat, store

SHIFT_BLOCK = 2**32 - 1
"""Block of the generator for the shift; no shuffle comes so far."""


@jit
def shifts(seed, stream, epoch, size, out):
    """Draw uniform numbers from 0, ..., size - 1 for GROUP streams."""
    for more in range(0, GROUP, LANES):
        words, _ = random_words(seed, splat(stream + more) + counting(), epoch, SHIFT_BLOCK)
        store(out, more, digit(words, size)[0])


@jit
def balanced_random_order(seed, first, epoch, paired, given, sequence, rows):
    """Fixed batches, each once, in orders from a balanced set, relabelled afresh every epoch."""
    size, m = given.shape
    width = sequence.shape[1]
    labels, shift = np.empty(m * GROUP, np.int64), np.empty(GROUP, np.int64)
    for begin in range(first // size, (first + width - 1) // size + 1, GROUP):
        shuffle(seed, begin, epoch, m, labels, 0, GROUP)
        shifts(seed, begin, epoch, size, shift)
        for lane in range(GROUP):
            start = (begin + lane) * size  # the set's first trajectory
            for t in range(max(start, first), min(start + size, first + width)):
                order = given[(t - start + shift[lane]) % size]
                for s in range(m):
                    sequence[s, t - first] = labels[order[s] * GROUP + lane]


@jit
def balanced_shuffle_once(seed, first, epoch, paired, given, sequence, rows):
    """Fixed batches in one order from a balanced set, the same in all epochs."""
    if epoch == 0:
        balanced_random_order(seed, first, epoch, paired, given, sequence, rows)
