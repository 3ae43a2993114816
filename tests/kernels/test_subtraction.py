from itertools import combinations, pairwise

import numpy as np
import pytest

from mcsgd.kernels.subtraction import DEPTH, WIDTH, subtract_pairs, subtract_products

PARAMETERS = [1, 2, 8, 9, 33, 70]
COUNT = 2 * WIDTH + 7


def sample(m, d, count=COUNT):
    rng = np.random.default_rng([m, d])
    orders = rng.permuted(np.tile(np.arange(m), (count, 1)), axis=1)
    return orders, rng.normal(size=(m * (m - 1) // 2, d)), rng.normal(size=(count, d))


def plainly(orders, table, out):
    """Pair by pair: from i before j the table of (i, j), which is antisymmetric."""
    m, result = orders.shape[1], out.copy()
    antisymmetric = np.zeros((m, m, out.shape[1]))
    for row, (a, b) in zip(table, combinations(range(m), 2), strict=True):
        antisymmetric[a, b], antisymmetric[b, a] = -row, row
    for order, endpoint in zip(orders, result, strict=True):
        for i, j in combinations(range(m), 2):
            endpoint -= antisymmetric[order[i], order[j]]
    return result


@pytest.mark.parametrize("d", PARAMETERS)
@pytest.mark.parametrize("m", [1, 2, 5, 18, 19, 40])
def test_pairs(m, d):
    """Of 19 batches and more, the signs are not all in the cache at once."""
    orders, table, out = sample(m, d)
    expected = plainly(orders, table, out)
    subtract_pairs(orders, table, out)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-14 * (1 + len(table)))


@pytest.mark.parametrize("d", PARAMETERS)
@pytest.mark.parametrize("length", [1, 2, 9, 70, DEPTH, DEPTH + 1, 2 * DEPTH + 5])
def test_products(length, d):
    rng = np.random.default_rng([length, d])
    rows, matrix, out = (rng.normal(size=s) for s in ((COUNT, length), (length, d), (COUNT, d)))
    expected = out - rows @ matrix
    subtract_products(rows, matrix, out)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-14 * (1 + length))


@pytest.mark.parametrize("d", [1, 2, 9, 33])
@pytest.mark.parametrize("m", [5, 18, 30])
def test_bits_of_a_row_do_not_depend_on_the_others(m, d):
    orders, table, out = sample(m, d)
    rng = np.random.default_rng(m)
    rows, matrix = rng.normal(size=(COUNT, 200)), rng.normal(size=(200, d))
    for subtract, numbers, factor in ((subtract_pairs, orders, table), (subtract_products, rows, matrix)):
        whole = out.copy()
        subtract(numbers, factor, whole)
        for _ in range(10):
            again = out.copy()
            bounds = np.sort(rng.integers(0, COUNT + 1, rng.integers(1, 8))).tolist()
            for a, b in pairwise([0, *bounds, COUNT]):
                subtract(numbers[a:b], factor, again[a:b])
            assert again.tobytes() == whole.tobytes()
        hurt = numbers.copy()
        hurt[::2] = hurt[::2, ::-1] if subtract is subtract_pairs else np.nan
        again = out.copy()
        subtract(hurt, factor, again)
        assert again[1::2].tobytes() == whole[1::2].tobytes()
