"""Philox4x32-10, the counter-based random number generator of Salmon et al. (SC 2011).

A block of 128 random bits is a pure function of a 64-bit key and a 128-bit counter, so any
trajectory's numbers can be had without those before it: counter = (trajectory low, trajectory
high, epoch, block), key = seed.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import jit

__all__ = ["philox4x32", "random_words"]

MASK = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)
MULTIPLIER_0 = np.uint64(0xD2511F53)
MULTIPLIER_1 = np.uint64(0xCD9E8D57)
WEYL_0 = np.uint64(0x9E3779B9)
WEYL_1 = np.uint64(0xBB67AE85)


@jit
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Return four 32-bit words (as uint64) for a counter and a key of 32-bit words (as uint64)."""
    for _ in range(10):
        product_0 = MULTIPLIER_0 * c0
        product_1 = MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> SHIFT) ^ c1 ^ k0,
            product_1 & MASK,
            (product_0 >> SHIFT) ^ c3 ^ k1,
            product_0 & MASK,
        )
        k0 = (k0 + WEYL_0) & MASK
        k1 = (k1 + WEYL_1) & MASK
    return c0, c1, c2, c3


@jit
def random_words(seed, trajectory, epoch, block):
    """Return the two 64-bit words of one block of a trajectory's epoch."""
    key, index = np.uint64(seed), np.uint64(trajectory)
    x0, x1, x2, x3 = philox4x32(
        index & MASK, index >> SHIFT, np.uint64(epoch), np.uint64(block), key & MASK, key >> SHIFT
    )
    return x0 | (x1 << SHIFT), x2 | (x3 << SHIFT)
