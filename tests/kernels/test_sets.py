import numpy as np
import pytest
from reference import permutation, philox

from mcsgd.designs import balanced_orders
from mcsgd.kernels import sets


def drawn(scheme, first, epoch, count, m, seed=5):
    sequence = np.zeros((m, -(-count // 16) * 16), np.int64)
    rows = np.zeros((1, m), np.int64)
    scheme(seed, first, epoch, False, balanced_orders(m), sequence, rows)
    return sequence.T


def expected(t, epoch, m, seed=5):
    orders = balanced_orders(m)
    which, member = divmod(t, len(orders))
    x = philox([which % 2**32, which >> 32, epoch, 2**32 - 1], [seed, 0])
    shift = (x[0] + (x[1] << 32)) * len(orders) >> 64
    labels = permutation(seed, which, epoch, m)
    return [labels[k] for k in orders[(member + shift) % len(orders)]]


@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 18])
@pytest.mark.parametrize(("first", "epoch"), [(0, 0), (17, 1), (24 * (2**32 - 2) - 5, 2**31)])
def test_against_plain_reference(m, first, epoch):
    """Sets smaller and larger than a group of 16 streams, begun and ended in their middle; also by columns
    that belong to no trajectory asked for.
    """
    found = drawn(sets.balanced_random_order, first, epoch, 50, m)
    for column in range(64):
        assert list(found[column]) == expected(first + column, epoch, m)


def test_shuffle_once_keeps_the_orders():
    sequence, rows = np.zeros((5, 16), np.int64), np.zeros((1, 5), np.int64)
    for epoch in range(3):
        sets.balanced_shuffle_once(5, 100, epoch, False, balanced_orders(5), sequence, rows)
        np.testing.assert_array_equal(sequence.T, drawn(sets.balanced_random_order, 100, 0, 16, 5))


@pytest.mark.parametrize("epoch", [0, 3])
def test_every_set_is_the_table_relabelled(epoch):
    found = drawn(sets.balanced_random_order, 0, epoch, 120, 6)[:120]
    position = np.argsort(found, axis=1)
    for a, b, c in [(0, 1, 2), (4, 0, 3), (5, 2, 1)]:
        inside = (position[:, a] < position[:, b]) & (position[:, b] < position[:, c])
        assert np.count_nonzero(inside) == 20
