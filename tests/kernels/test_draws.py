"""False-alarm rate of each statistical test: 1e-6 (fixed seeds)."""

from math import factorial

import numpy as np
import pytest
from reference import choices, permutation
from scipy import stats

from mcsgd.kernels import draws
from mcsgd.ranked import ranked_permutations

ALARM = 1e-6


def draw(scheme, trajectories, epoch=0, batches=4, examples=12, seed=5, given=None, first=0, paired=False):
    """Return the sequences (trajectories, batches) and the rows."""
    width = -(-trajectories // 16) * 16
    sequence, rows = np.zeros((batches, width), np.int64), np.zeros((trajectories, examples), np.int64)
    given = np.empty((1, 0), np.int64) if given is None else np.array([given])
    scheme(seed, first, epoch, paired, given, sequence, rows)
    return sequence.T[:trajectories], rows


@pytest.mark.parametrize("m", [1, 2, 3, 7, 8, 15, 16, 17, 20, 21, 40, 57, 64, 65, 100])
@pytest.mark.parametrize(("first", "epoch"), [(0, 0), (5, 3), (2**32 - 3, 1), (2**62, 2**31)])
def test_against_plain_reference(m, first, epoch):
    sequences, _ = draw(draws.random_order, 11, epoch, m, first=first)
    for t in range(11):
        assert list(sequences[t]) == permutation(5, first + t, epoch, m)
    sequences, _ = draw(draws.with_replacement, 11, epoch, m, first=first)
    for t in range(11):
        assert list(sequences[t]) == choices(5, first + t, epoch, m)


@pytest.mark.parametrize("m", range(1, 9))
@pytest.mark.parametrize("paired", [False, True])
def test_ranked_permutations_change_nothing(m, paired):
    ranked = ranked_permutations(m)
    assert len(np.unique(ranked)) == factorial(m)
    without, _ = draw(draws.random_order, 1000, batches=m, first=3, paired=paired)
    within, _ = draw(draws.random_order, 1000, batches=m, first=3, paired=paired, given=ranked)
    assert np.array_equal(without, within)


@pytest.mark.parametrize("m", [3, 4, 5, 6])
def test_permutations_are_uniform(m):
    """Two million of them: a bias of 2% in one draw would be seen."""
    sequences, _ = draw(draws.random_order, 2_000_000, batches=m)
    found, counts = np.unique(sequences @ m ** np.arange(m), return_counts=True)
    assert len(found) == factorial(m)
    assert stats.chisquare(counts).pvalue > ALARM


@pytest.mark.parametrize("m", [16, 17, 21, 57, 569])
def test_long_permutations_are_uniform_by_position(m):
    """Mean of the item at each position, over words and blocks of the generator."""
    trials = 8000
    sequences, _ = draw(draws.random_order, trials, batches=m)
    assert np.array_equal(np.sort(sequences, axis=1), np.broadcast_to(np.arange(m), (trials, m)))
    z = (sequences.mean(axis=0) - (m - 1) / 2) / np.sqrt((m**2 - 1) / 12 / trials)
    # sum over positions of z^2 is (m / (m - 1)) times a chi-square of m - 1 degrees of freedom
    assert ALARM / 2 < stats.chi2.sf((z**2).sum() * (m - 1) / m, m - 1) < 1 - ALARM / 2


def test_with_replacement_is_uniform_and_repeats():
    sequences, _ = draw(draws.with_replacement, 40_000, batches=5)
    for position in range(5):
        assert stats.chisquare(np.bincount(sequences[:, position], minlength=5)).pvalue > ALARM
    pairs = np.bincount(sequences[:, 0] * 5 + sequences[:, 1], minlength=25)
    assert stats.chisquare(pairs).pvalue > ALARM


@pytest.mark.parametrize("first", [0, 3, 10])
@pytest.mark.parametrize("scheme", [draws.random_order, draws.with_replacement, draws.shuffle_once])
def test_pairs_share_a_stream(scheme, first):
    m = 5
    sequences, _ = draw(scheme, 21, batches=m, first=first, paired=True)
    for t in range(21):
        stream = (first + t) // 2
        order = choices(5, stream, 0, m) if scheme is draws.with_replacement else permutation(5, stream, 0, m)
        assert list(sequences[t]) == (order[::-1] if (first + t) % 2 else order)


@pytest.mark.parametrize("paired", [False, True])
def test_reshuffled_examples(paired):
    sequences, rows = draw(draws.reshuffle_examples, 21, first=3, paired=paired, examples=11)
    for t in range(21):
        backwards = paired and (3 + t) % 2 == 1
        assert list(rows[t]) == permutation(5, (3 + t) // 2 if paired else 3 + t, 0, 11)
        assert list(sequences[t]) == ([3, 2, 1, 0] if backwards else [0, 1, 2, 3])


def test_given_order():
    assert draw(draws.given_order, 3, given=[2, 0, 3, 1])[0].tolist() == [[2, 0, 3, 1]] * 3


def test_fresh_orders_by_epoch_trajectory_and_seed():
    sequences, _ = draw(draws.random_order, 2, batches=12)
    first = list(sequences[0])
    assert first != list(sequences[1])
    assert first != list(draw(draws.random_order, 1, epoch=1, batches=12)[0][0])
    assert first != list(draw(draws.random_order, 1, batches=12, first=2**32)[0][0])
    assert first != list(draw(draws.random_order, 1, batches=12, seed=6)[0][0])
