"""Philox4x32-10, the counter-based random number generator of Salmon et al. (SC 2011).

A block of 128 random bits is a pure function of a 64-bit key and a 128-bit counter, so any
trajectory's numbers can be had without those before it: counter = (stream low, stream high, epoch,
block), key = seed. Eight streams go side by side.
"""

from __future__ import annotations

from mcsgd.kernels.jit import inline
from mcsgd.kernels.simd import splat

__all__ = ["philox4x32", "random_words"]

MASK, SHIFT = 0xFFFFFFFF, 32
MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85


@inline
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Return four 32-bit words for a counter and a key of 32-bit words (I8 each, as the words are)."""
    mask, half = splat(MASK), splat(SHIFT)
    for _ in range(10):
        product_0 = splat(MULTIPLIER_0) * (c0 & mask)
        product_1 = splat(MULTIPLIER_1) * (c2 & mask)
        c0, c1, c2, c3 = (
            (product_1 >> half) ^ c1 ^ k0,
            product_1 & mask,
            (product_0 >> half) ^ c3 ^ k1,
            product_0 & mask,
        )
        k0 = (k0 + splat(WEYL_0)) & mask
        k1 = (k1 + splat(WEYL_1)) & mask
    return c0, c1, c2, c3


@inline
def random_words(seed, streams, epoch, block):
    """Return the two 64-bit words (I8 each) of one block of an epoch of eight streams."""
    mask, half = splat(MASK), splat(SHIFT)
    key = splat(seed)
    x0, x1, x2, x3 = philox4x32(
        streams & mask, streams >> half, splat(epoch), splat(block), key & mask, key >> half
    )
    return x0 | (x1 << half), x2 | (x3 << half)
