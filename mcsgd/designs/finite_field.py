"""The finite field of q = p^k elements, by tables.

An element is a number 0 <= x < q whose digits in base p, lowest first, are the coefficients of a
polynomial over the integers modulo p; polynomials are taken modulo an irreducible one of degree k. So
0 and 1 are themselves, and for k = 1 all is modulo p.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mcsgd.checks import Checks

Integers: TypeAlias = NDArray[np.int64]

__all__ = ["FiniteField", "next_prime_power"]


@dataclass(frozen=True, eq=False)
class FiniteField:
    """Tables of a finite field.

    Attributes
    ----------
    sums, products : (q, q)
        [x, y] is x + y, or x y.
    inverses : (q,)
        1/x; 0 for x = 0.

    Examples
    --------
    >>> field = FiniteField.of(4)
    >>> int(field.sums[2, 3]), int(field.products[2, 3]), int(field.inverses[2])
    (1, 1, 3)
    """

    sums: Integers
    products: Integers
    inverses: Integers

    @classmethod
    def of(cls, q: int) -> FiniteField:
        """Return the field of q elements.

        Raises
        ------
        InputError
            If q is not a power of a prime.
        """
        p, k = prime_power(q)
        checks = Checks()
        if not p:
            checks.fail("q", f"must be a power of a prime, got {q}")
        checks.done()
        powers = p ** np.arange(k)
        digits = np.arange(q)[:, None] // powers % p
        sums = (digits[:, None] + digits) % p @ powers
        for tail in digits:  # x^k + tail, until one has no factors: then there are no divisors of zero
            products = _products(digits, tail, p) @ powers
            if products[1:, 1:].all():
                break
        inverses = np.append(0, np.argmax(products[1:] == 1, axis=1))
        return cls(sums, products, inverses)


def _products(digits: Integers, tail: Integers, p: int) -> Integers:
    """Return the products of all polynomials (q, k), modulo x^k + tail and p, (q, q, k)."""
    q, k = digits.shape
    products = np.zeros((q, q, 2 * k - 1), np.int64)
    for i in range(k):
        products[:, :, i : i + k] += digits[:, None, i, None] * digits
    for i in range(2 * k - 2, k - 1, -1):
        products[:, :, i - k : i] -= products[:, :, i, None] % p * tail
    return products[:, :, :k] % p


def prime_power(n: int) -> tuple[int, int]:
    """Return (p, k) with n = p^k, p prime and k >= 1; (0, 0) if there are none."""
    p = next((x for x in range(2, n + 1) if n % x == 0), 0)
    k = 0
    while p and n % p == 0:
        n //= p
        k += 1
    return (p, k) if n == 1 and k else (0, 0)


def next_prime_power(n: int) -> int:
    """Return the smallest power of a prime that is n or more.

    Examples
    --------
    >>> [next_prime_power(n) for n in (2, 6, 10, 26)]
    [2, 7, 11, 27]
    """
    while not prime_power(n)[1]:
        n += 1
    return n
