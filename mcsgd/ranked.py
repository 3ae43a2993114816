"""All permutations of a few numbers, to be drawn by their rank."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.draws import IDENTITY, MOST_RANKED

__all__ = ["ranked_permutations"]


@cache
def ranked_permutations(size: int) -> NDArray[np.int64]:
    """Return all permutations of 0, ..., size - 1, (size!,), four bits a number.

    The permutation of rank r is the one that Fisher and Yates's exchanges make with the mixed-radix
    digits of r. Empty for more than 8 numbers: the table would not stay in a core's cache.
    """
    if size > MOST_RANKED:
        return np.empty(0, np.int64)
    rank = np.arange(math.factorial(size))
    packed = np.full(rank.size, IDENTITY)
    for last in range(size - 1, 0, -1):
        pick, rank = np.divmod(rank, math.factorial(last))
        change = ((packed >> 4 * last) ^ (packed >> 4 * pick)) & 15
        packed ^= (change << 4 * last) ^ (change << 4 * pick)
    return packed
