"""Coverage of intervals and level of the test. False-alarm rate of each: 1e-6 (fixed seeds)."""

import numpy as np
import pytest
from scipy import stats

from mcsgd.statistics import Distance, _trace_of_square, t_quantile

ALARM = 1e-6


def differences(spectrum, distance, units, repetitions, seed):
    """Draw Distance objects for a covariance of this spectrum in a random frame."""
    rng = np.random.default_rng(seed)
    d = len(spectrum)
    root = np.linalg.qr(rng.normal(size=(d, d)))[0] * np.sqrt(spectrum)
    direction = rng.normal(size=d)
    shift = distance * direction / np.linalg.norm(direction)
    for _ in range(repetitions):
        x = rng.normal(size=(units, d)) @ root.T
        covariance = np.cov(x.T).reshape(d, d) / units
        yield Distance(shift + x.mean(axis=0), covariance, units - 1)


def within_binomial_error(hits, trials, probability, bias=0.0):
    """Whether a count is as expected, for some true probability within `bias` of the nominal one."""
    low = stats.binom.ppf(ALARM / 2, trials, probability - bias)
    high = stats.binom.isf(ALARM / 2, trials, min(1.0, probability + bias))
    return low <= hits <= high


@pytest.mark.parametrize("noise_ratio", [0, 1, 2, 20])
@pytest.mark.parametrize("dimension", [1, 2, 10])
def test_distance_interval_covers(dimension, noise_ratio):
    """For equal variances, at distances from none to many times the noise."""
    true = noise_ratio * np.sqrt(dimension / 20)
    drawn = list(differences(np.ones(dimension), true, 20, 500, seed=dimension))
    covered = sum(low <= true <= high for low, high in (x.interval(0.95) for x in drawn))
    assert within_binomial_error(covered, 500, 0.95, bias=0.01)


@pytest.mark.parametrize("spectrum", [[1, 0.1], [1, 0], 0.5 ** np.arange(10), [1, 0.5, 0.2] + [0] * 7])
@pytest.mark.parametrize("noise_ratio", [0, 5])
def test_distance_interval_covers_for_unequal_variances(spectrum, noise_ratio):
    """The model is approximate here: the coverage may be 3% off."""
    true = noise_ratio * np.sqrt(np.sum(spectrum) / 20)
    drawn = list(differences(spectrum, true, 20, 500, seed=1))
    covered = sum(low <= true <= high for low, high in (x.interval(0.95) for x in drawn))
    assert within_binomial_error(covered, 500, 0.95, bias=0.03)


def test_one_dimension_is_student_s_test():
    distance = Distance(np.array([0.7]), np.array([[0.09]]), 7)
    assert distance.p_value == pytest.approx(2 * stats.t.sf(0.7 / 0.3, 7), rel=1e-12)
    far = Distance(np.array([70.0]), np.array([[0.09]]), 7)
    half_width = stats.t.ppf(0.975, 7) * 0.3
    assert far.interval(0.95) == pytest.approx((70 - half_width, 70 + half_width), rel=1e-10)


@pytest.mark.parametrize("rank", [2, 10])
def test_equal_variances_give_the_exact_law(rank):
    """Known covariance: chi square; well estimated: Dempster's F, to the model's accuracy."""
    difference = np.zeros(rank)
    difference[0] = np.sqrt(2.5 * rank)
    p = Distance(difference, np.eye(rank), np.inf).p_value
    assert p == pytest.approx(stats.chi2.sf(2.5 * rank, rank), rel=1e-6)
    p = Distance(difference, np.eye(rank), 200).p_value
    assert p == pytest.approx(stats.f.sf(2.5, rank, rank * 200), rel=0.1)


@pytest.mark.parametrize("size", [1, 3, 6, 10])
def test_small_p_values_keep_their_digits(size):
    p = Distance(np.array([size, 0.0, 0.0]), np.eye(3), np.inf).p_value
    assert p == pytest.approx(stats.chi2.sf(size**2, 3), rel=1e-5, abs=1e-15)


@pytest.mark.parametrize("size", np.geomspace(0.1, 30, 12))
def test_interval_begins_at_zero_exactly_where_the_test_accepts(size):
    direction = np.array([1.0, 2.0, 0.5])
    distance = Distance(size * direction, np.diag([4.0, 1.0, 0.0]), 9)
    for confidence in (0.5, 0.95, 0.999):
        low, high = distance.interval(confidence)
        assert (low == 0) == (distance.p_value >= 1 - confidence)
        assert 0 <= low < high


def test_units_to_tell_gives_the_power():
    """So many more units exclude a distance with the promised probability of 95%."""
    rng = np.random.default_rng(3)
    covariance = np.diag([1.0, 0.3, 0.1])
    shift = np.array([0.2, 0.1, -0.1])
    factor = Distance(shift, covariance, np.inf).units_to_tell(0.95)
    noise = rng.normal(size=(1000, 3)) @ np.sqrt(covariance / factor)
    excluded = sum(Distance(shift + z, covariance / factor, np.inf).p_value < 0.05 for z in noise)
    assert within_binomial_error(excluded, 1000, 0.95, bias=0.02)


def test_zero_difference():
    distance = Distance(np.zeros(3), np.eye(3), 9)
    assert distance.p_value == 1.0
    assert distance.interval(0.95)[0] == 0


def test_t_quantile():
    assert t_quantile(4, 0.95) == pytest.approx(stats.t.ppf(0.975, 4))
    assert t_quantile(np.inf, 0.95) == pytest.approx(stats.norm.ppf(0.975))


@pytest.mark.parametrize("scale", [1e-150, 1e-80, 1e60])
def test_scale_does_not_matter(scale):
    direction, covariance = np.array([1.0, 2.0, 0.5]), np.diag([4.0, 1.0, 0.5])
    one, other = Distance(direction, covariance, 9), Distance(scale * direction, scale**2 * covariance, 9)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-9)
    assert np.divide(other.interval(0.95), scale) == pytest.approx(one.interval(0.95), rel=1e-6)


def test_trace_of_square_is_unbiased():
    """In 50 dimensions with 9 degrees of freedom, the naive estimate is 6 times too large."""
    rng = np.random.default_rng(5)
    estimates = [_trace_of_square(np.cov(rng.normal(size=(10, 50)).T), 9) for _ in range(400)]
    error = np.std(estimates) / np.sqrt(400)
    assert abs(np.mean(estimates) - 50) < stats.norm.isf(ALARM / 2) * error


@pytest.mark.parametrize("spectrum", [np.ones(1), np.ones(20), 0.5 ** np.arange(6)])
def test_debiased_distance(spectrum):
    """Without the bias of |D|, and with its true scatter; the distance is 4 times the noise in all."""
    true = 4 * np.sqrt(np.sum(spectrum) / 30)
    drawn = list(differences(spectrum, true, 30, 1000, seed=5))
    estimates, errors = np.array([x.debiased for x in drawn]).T
    scatter = estimates.std(ddof=1)
    assert abs(estimates.mean() - true) < 4.9 * scatter / np.sqrt(1000) + 0.01 * scatter
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(scatter, rel=4.9 / np.sqrt(2000) + 0.03)
    if len(spectrum) == 20:
        assert np.mean([x.value for x in drawn]) > true + 0.3 * scatter


def test_debiased_distance_of_what_noise_explains():
    value, error = Distance(np.full(10, 0.1), np.eye(10), 50).debiased
    assert (value, error) == (0.0, pytest.approx(np.sqrt(10)))
    across = Distance(np.append(6.0, np.zeros(19)), np.eye(20), np.inf).debiased
    assert across == pytest.approx((np.sqrt(36 - 19), np.sqrt(1 + 19 / (2 * (36 - 19)))))
    assert Distance(np.array([0.7]), np.array([[0.09]]), 7).debiased == (0.7, pytest.approx(0.3))
