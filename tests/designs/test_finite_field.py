import numpy as np
import pytest

from mcsgd.designs.finite_field import FiniteField, next_prime_power, prime_power
from mcsgd.errors import InputError

SIZES = [2, 3, 4, 5, 7, 8, 9, 16, 25, 27, 31, 32, 49, 64, 81]


@pytest.mark.parametrize("q", SIZES)
def test_axioms(q):
    field = FiniteField.of(q)
    x = np.arange(q)
    for table in (field.sums, field.products):
        np.testing.assert_array_equal(table, table.T)
        np.testing.assert_array_equal(table[table], table[:, table])  # (x y) z = x (y z)
    distributed = field.sums[field.products[:, :, None], field.products[:, None, :]]
    np.testing.assert_array_equal(field.products[:, field.sums], distributed)
    np.testing.assert_array_equal(field.sums[0], x)
    np.testing.assert_array_equal(field.products[1], x)
    np.testing.assert_array_equal(np.sort(field.sums, axis=1), np.broadcast_to(x, (q, q)))
    np.testing.assert_array_equal(field.products[x[1:], field.inverses[1:]], np.ones(q - 1))
    assert field.inverses[0] == 0


def test_primes_are_integers_modulo_p():
    x = np.arange(13)
    field = FiniteField.of(13)
    np.testing.assert_array_equal(field.sums, (x[:, None] + x) % 13)
    np.testing.assert_array_equal(field.products, x[:, None] * x % 13)


@pytest.mark.parametrize("q", [-3, 0, 1, 6, 12, 100])
def test_other_sizes_are_refused(q):
    with pytest.raises(InputError, match=f"^q: must be a power of a prime, got {q}"):
        FiniteField.of(q)


def test_prime_powers():
    found = [n for n in range(-2, 50) if prime_power(n) != (0, 0)]
    assert found == [2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27, 29, 31, 32, 37, 41, 43, 47, 49]
    assert [prime_power(n) for n in (2, 7, 8, 81)] == [(2, 1), (7, 1), (2, 3), (3, 4)]
    assert [next_prime_power(n) for n in (1, 2, 14, 20, 33, 90)] == [2, 2, 16, 23, 37, 97]
