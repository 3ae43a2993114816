"""What the control variate takes from endpoints: a table times numbers of each trajectory.

Lanes are trajectories, so that none is wasted where there are few parameters. Of an element, each DEPTH rows
of the table are one chain of multiply-adds, and the chains are added: its bits depend neither on the other
trajectories nor on the machine.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned, multiply_into
from mcsgd.kernels.simd import LANES, load, select, splat, store

__all__ = ["subtract_pairs", "subtract_products"]

WIDTH, DEPTH = 4 * LANES, 160
"""Trajectories, and rows of the table, that go together: their numbers are in the cache. Another DEPTH would
change the bits of corrected endpoints, another WIDTH would not."""


@jit
def subtract_pairs(orders, table, out):
    """Subtract from out[t] the sum over a < b of table[pair], where a comes after b, less it where before.

    Parameters
    ----------
    orders : (n, m) int64
        The batch at each position.
    table : (m (m - 1) / 2, d)
        Pairs (0, 1), (0, 2), ..., (0, m - 1), (1, 2), ...
    out : (n, d)
    """
    n, m = orders.shape
    position, signs, sums = _zeros(m), _zeros(DEPTH), _zeros(out.shape[1])
    for begin in range(0, n, WIDTH):
        for t in range(min(WIDTH, n - begin)):
            for i in range(m):
                position[orders[begin + t, i] * WIDTH + t] = i
        sums[:] = 0.0
        row = filled = 0
        for a in range(m):
            for b in range(a + 1, m):
                for x in range(0, WIDTH, LANES):
                    after = load(position, a * WIDTH + x) > load(position, b * WIDTH + x)
                    store(signs, filled * WIDTH + x, select(after, splat(1.0), splat(-1.0)))
                filled += 1
                if filled == DEPTH:
                    _add(signs, filled, table, row, sums)
                    row, filled = row + filled, 0
        _add(signs, filled, table, row, sums)
        _subtract(sums, begin, out)


@jit
def subtract_products(rows, matrix, out):
    """Subtract rows (n, k) times matrix (k, d) from out (n, d)."""
    n, length = rows.shape
    numbers, sums = _zeros(DEPTH), _zeros(out.shape[1])
    for begin in range(0, n, WIDTH):
        sums[:] = 0.0
        for row in range(0, length, DEPTH):
            filled = min(DEPTH, length - row)
            for t in range(min(WIDTH, n - begin)):
                for k in range(filled):
                    numbers[k * WIDTH + t] = rows[begin + t, row + k]
            _add(numbers, filled, matrix, row, sums)
        _subtract(sums, begin, out)


@jit
def _add(numbers, count, table, row, sums):
    """Add numbers[k, t] table[row + k, j] to sums[j, t], for count values of k."""
    d = table.shape[1]
    places = np.arange(d)
    multiply_into(
        table.reshape(table.size),
        places + row * d,
        d,
        d,
        numbers,
        0,
        WIDTH,
        count,
        WIDTH // LANES,
        sums,
        places * WIDTH,
        1.0,
        1.0,
    )


@inline
def _subtract(sums, begin, out):
    """Subtract sums[j, t] from out[begin + t, j]."""
    for t in range(min(WIDTH, len(out) - begin)):
        for j in range(out.shape[1]):
            out[begin + t, j] -= sums[j * WIDTH + t]


@inline
def _zeros(height):
    """Return a flat array of so many rows of WIDTH zeros."""
    array = aligned(height * WIDTH)
    array[:] = 0.0
    return array
