"""Balanced sets of orders, from the group PGL(2, q).

In a 3-balanced set, every three batches stand in each of their six relative orders equally often.
To order eps^3 an SGD epoch's endpoint is a sum of terms of at most three batches in their relative order,

    w_m = w_0 - eps m g + eps^2 sum_{i<j} H_j g_i
          - eps^3 [ sum_{i<j<k} H_k H_j g_i + (1/2) sum_k T_k[S_k, S_k] ] + O(eps^4),  S_k = sum_{i<k} g_i

(indices are positions in the order), so the mean over the set differs from the mean over all m! orders by
O(eps^4). Such sets are known as perfect sequence covering arrays of strength 3 (Yuster 2020).

PGL(2, q) are the maps x -> (a x + b)/(c x + d) of the projective line, the field of q elements and
infinity. Exactly one of them takes three given points to three given points, so the q (q^2 - 1) rows
[g(0), g(1), ..., g(infinity)] are 3-balanced; and so is what is left of them when some symbols are deleted.
They are not the smallest: 12 orders do for m = 5 to 7, 18 for m = 8 (Gentle and Wanless 2022), but no
construction of such is known for all m.
"""

from __future__ import annotations

from itertools import permutations
from math import factorial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mcsgd.checks import Checks
from mcsgd.designs.finite_field import FiniteField, next_prime_power

Integers: TypeAlias = NDArray[np.int64]

__all__ = ["LARGEST", "balanced_orders", "set_size"]

LARGEST = 102
"""Batches: a set has about m^3 orders, here a million in 0.8 GB."""


def set_size(m: int) -> int:
    """Return the number of orders in the 3-balanced set for m batches.

    m! for m <= 3, else q (q^2 - 1) with the smallest power q >= m - 1 of a prime.

    Raises
    ------
    InputError
        If m is not an integer from 1 to 102.

    Examples
    --------
    >>> [set_size(m) for m in (2, 4, 6, 7, 8, 14)]
    [2, 24, 120, 336, 336, 2184]
    """
    checks = Checks()
    m = checks.integer("m", m, at_least=1, at_most=LARGEST)
    checks.done()
    if m <= 3:
        return factorial(m)
    q = next_prime_power(m - 1)
    return q * (q**2 - 1)


def balanced_orders(m: int) -> Integers:
    """Return a 3-balanced set of orders of m batches.

    Every ordered triple of batches stands in this relative order in a sixth of the rows. The rows come in
    a scrambled order, always the same, so that the set and a cyclic shift of it are as good as
    unrelated.

    Parameters
    ----------
    m : int

    Returns
    -------
    (set_size(m), m) int64
        Permutations of 0..m-1, one a row. Where m - 1 is not a power of a prime, some come more than once.

    Raises
    ------
    InputError
        If m is not an integer from 1 to 102.

    Examples
    --------
    >>> orders = balanced_orders(6)
    >>> orders.shape
    (120, 6)
    >>> position = orders.argsort(axis=1)
    >>> int(np.sum((position[:, 4] < position[:, 0]) & (position[:, 0] < position[:, 2])))
    20
    """
    size = set_size(m)
    if m <= 3:
        rows = np.array(list(permutations(range(m))), np.int16)
    else:
        rows = projective_group(next_prime_power(m - 1))
        rows = rows[rows < m].reshape(size, m)
    return rows[np.argsort(_scrambled(size))].astype(np.int64)


def projective_group(q: int) -> NDArray[np.int16]:
    """Return PGL(2, q) as permutations of the projective line, (q (q^2 - 1), q + 1); q is infinity.

    Every element is, in one way, x -> s u(x) + a with s not 0 and u(x) = x or u(x) = 1/(x + d).
    """
    field = FiniteField.of(q)
    inverses = np.append(q, field.inverses[1:])
    inner = [np.arange(q + 1)] + [np.append(inverses[field.sums[d]], 0) for d in range(q)]
    outer = [np.append(field.sums[a, field.products[s]], q) for s in range(1, q) for a in range(q)]
    return np.array(outer, np.int16)[:, np.array(inner)].reshape(-1, q + 1)


def _scrambled(n: int) -> NDArray[np.uint64]:
    """Return n different numbers without order: SplitMix64 of 0..n-1 (Steele, Lea and Flood 2014)."""
    x = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
