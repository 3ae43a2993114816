"""Which batch comes next: one function per sampling scheme.

Each fills, for one epoch of one trajectory, the order in which the batches are visited
(`sequence`, batch indices) and which examples stand in which batch (`rows`: batch k owns
rows[k B : (k + 1) B]). The result depends on (seed, trajectory, epoch) alone.

Bounded integers come from 64-bit words by mixed radix: the word is a fraction x in [0, 1); the
integer part of bound * x is the draw, the rest the next x. A new word is begun before the
product of the bounds would pass 2^33, so no outcome's probability is off by more than 2^-31 of
itself per word; one 128-bit block gives a whole permutation of m <= 20.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import jit
from mcsgd.kernels.philox import random_words

STREAM_VERSION = 1
"""Changes whenever the same (seed, trajectory, epoch) would give another order."""

MASK = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)
WORD_CAPACITY = 2**33


@jit
def identity(sequence):
    """Fill with 0, 1, 2, ..."""
    for i in range(sequence.size):
        sequence[i] = i


@jit
def digit(fraction, bound):
    """Return (integer part, remaining fraction) of bound * fraction, bound < 2^31."""
    low = (fraction & MASK) * bound
    high = (fraction >> SHIFT) * bound + (low >> SHIFT)
    return np.int64(high >> SHIFT), (high << SHIFT) | (low & MASK)


@jit
def shuffle(seed, trajectory, epoch, sequence):
    """Fill with a uniformly random permutation of 0, 1, ... (Fisher-Yates)."""
    identity(sequence)
    word, spare = random_words(seed, trajectory, epoch, 0)
    block, has_spare, used = 0, True, 1
    for last in range(sequence.size - 1, 0, -1):
        bound = last + 1
        if used * bound > WORD_CAPACITY:
            used = 1
            if has_spare:
                word, has_spare = spare, False
            else:
                block += 1
                word, spare = random_words(seed, trajectory, epoch, block)
                has_spare = True
        used *= bound
        pick, word = digit(word, np.uint64(bound))
        sequence[last], sequence[pick] = sequence[pick], sequence[last]


@jit
def random_order(seed, trajectory, epoch, given, rows, sequence):
    """Fixed batches, each once, in a fresh uniformly random order every epoch."""
    identity(rows)
    shuffle(seed, trajectory, epoch, sequence)


@jit
def shuffle_once(seed, trajectory, epoch, given, rows, sequence):
    """Fixed batches in one random order, the same in all epochs."""
    identity(rows)
    shuffle(seed, trajectory, 0, sequence)


@jit
def reshuffle_examples(seed, trajectory, epoch, given, rows, sequence):
    """New batches every epoch, cut from a uniformly random permutation of the examples."""
    shuffle(seed, trajectory, epoch, rows)
    identity(sequence)


@jit
def with_replacement(seed, trajectory, epoch, given, rows, sequence):
    """As many independent uniform draws from the fixed batches as there are batches."""
    identity(rows)
    bound = sequence.size
    for i in range(sequence.size):
        word, spare = random_words(seed, trajectory, epoch, i // 2)
        sequence[i], _ = digit(word if i % 2 == 0 else spare, np.uint64(bound))


@jit
def given_order(seed, trajectory, epoch, given, rows, sequence):
    """Fixed batches in the order given by the user (or 0, 1, ... for a single full batch)."""
    identity(rows)
    sequence[:] = given
