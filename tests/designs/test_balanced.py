from itertools import permutations

import numpy as np
import pytest

from mcsgd.designs import balanced_orders, set_size
from mcsgd.designs.balanced import projective_group
from mcsgd.errors import InputError

SIZES = {
    1: 1,
    2: 2,
    3: 6,
    4: 24,
    5: 60,
    6: 120,
    7: 336,
    8: 336,
    9: 504,
    10: 720,
    11: 1320,
    12: 1320,
    14: 2184,
}


@pytest.mark.parametrize("m", [*range(1, 15), 16, 17, 22, 25, 26, 28])
def test_every_triple_in_each_relative_order_equally_often(m):
    """q = 2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 16, 23, 25, 25, 27; all of them up to m = 14, else some."""
    orders = balanced_orders(m)
    size = SIZES.get(m, len(orders))
    assert orders.dtype == np.int64
    assert orders.shape == (size, m) == (set_size(m), m)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.broadcast_to(np.arange(m), (size, m)))
    position = np.argsort(orders, axis=1)
    triples = list(permutations(range(m), 3))
    for a, b, c in triples[:: 1 if m <= 14 else 97]:
        inside = (position[:, a] < position[:, b]) & (position[:, b] < position[:, c])
        assert 6 * np.count_nonzero(inside) == size


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_few_batches_have_all_orders(m):
    assert sorted(map(tuple, balanced_orders(m))) == sorted(permutations(range(m)))


@pytest.mark.parametrize("q", [2, 3, 4, 5, 7, 8, 9])
def test_group(q):
    """Each element once, closed under composition."""
    rows = projective_group(q)
    elements = set(map(tuple, rows))
    assert len(elements) == q * (q * q - 1)
    for g in rows[:: len(rows) // 6 + 1]:
        assert set(map(tuple, g[rows])) == elements


def test_a_shift_of_the_set_is_as_good_as_unrelated():
    """Sums over pairs of batches, like xi, have correlation 1/sqrt(336) with those of another row.

    It would be 1.8 times that with the rows in the group's own order, and 5 times without a shift.
    """
    rng = np.random.default_rng(0)
    orders = balanced_orders(8)
    size = len(orders)
    position = np.argsort(orders, axis=1)
    found = []
    for shift in range(1, size):
        values = []
        for relabelled in (position[:, rng.permutation(8)], position[:, rng.permutation(8)]):
            signs = np.sign(relabelled[:, :, None] - relabelled[:, None, :])
            values.append(signs.reshape(size, -1) @ rng.normal(size=64))
        found.append(np.mean(values[0] * np.roll(values[1], shift)) / np.std(values[0]) / np.std(values[1]))
    assert np.sqrt(np.mean(np.square(found)) * size) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    ("m", "expected"), [(0, "must be >= 1"), (103, "must be <= 102"), (4.0, "an integer")]
)
@pytest.mark.parametrize("function", [balanced_orders, set_size])
def test_wrong_number(function, m, expected):
    with pytest.raises(InputError, match=f"^m: .*{expected}"):
        function(m)
