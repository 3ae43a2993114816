"""False-alarm rate of each statistical test: 1e-6 (fixed seeds)."""

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from scipy import stats

from mcsgd.kernels import draws

ALARM = 1e-6


def draw(scheme, trajectory, epoch=0, examples=12, batches=4, seed=5, given=None):
    rows, sequence = np.empty(examples, np.int64), np.empty(batches, np.int64)
    given = np.arange(batches) if given is None else np.array(given)
    scheme(seed, trajectory, epoch, given, rows, sequence)
    return rows, sequence


@pytest.mark.parametrize("m", [3, 4, 5, 6])
def test_permutations_are_uniform(m):
    index = {p: i for i, p in enumerate(permutations(range(m)))}
    counts = np.zeros(factorial(m))
    for t in range(100 * factorial(m)):
        counts[index[tuple(draw(draws.random_order, t, batches=m)[1])]] += 1
    assert stats.chisquare(counts).pvalue > ALARM


@pytest.mark.parametrize("m", [21, 57, 569])
def test_long_permutations_are_uniform_by_position(m):
    """Chi-square of item by tenth of the positions, over words and blocks of the generator."""
    trials = 2000
    sums = np.zeros(m)
    for t in range(trials):
        sequence = draw(draws.random_order, t, batches=m)[1]
        assert np.array_equal(np.sort(sequence), np.arange(m))
        sums += sequence
    z = (sums / trials - (m - 1) / 2) / np.sqrt((m**2 - 1) / 12 / trials)
    # sum over positions of z^2 is (m / (m - 1)) times a chi-square of m - 1 degrees of freedom
    assert ALARM / 2 < stats.chi2.sf((z**2).sum() * (m - 1) / m, m - 1) < 1 - ALARM / 2


def test_with_replacement_is_uniform_and_repeats():
    sequences = np.array([draw(draws.with_replacement, t, batches=5)[1] for t in range(4000)])
    for position in range(5):
        assert stats.chisquare(np.bincount(sequences[:, position], minlength=5)).pvalue > ALARM
    pairs = np.bincount(sequences[:, 0] * 5 + sequences[:, 1], minlength=25)
    assert stats.chisquare(pairs).pvalue > ALARM


def test_schemes_fill_rows_and_sequence():
    rows, sequence = draw(draws.random_order, 3)
    assert list(rows) == list(range(12))
    assert sorted(sequence) == list(range(4))
    rows, sequence = draw(draws.reshuffle_examples, 3)
    assert sorted(rows) == list(range(12))
    assert list(rows) != list(range(12))
    assert list(sequence) == list(range(4))
    assert list(draw(draws.given_order, 3, given=[2, 0, 3, 1])[1]) == [2, 0, 3, 1]


def test_fresh_orders_by_epoch_trajectory_and_seed():
    first = list(draw(draws.random_order, 0, batches=12)[1])
    assert first != list(draw(draws.random_order, 0, epoch=1, batches=12)[1])
    assert first != list(draw(draws.random_order, 1, batches=12)[1])
    assert first != list(draw(draws.random_order, 2**32, batches=12)[1])
    assert first != list(draw(draws.random_order, 0, batches=12, seed=6)[1])
    assert first == list(draw(draws.shuffle_once, 0, epoch=1, batches=12)[1])
