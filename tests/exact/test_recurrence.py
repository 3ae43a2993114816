"""One parameter: against every order where they are few, and against closed forms where they are not."""

import numpy as np
import plain_sgd as plain
import pytest

from mcsgd.errors import DivergedError
from mcsgd.exact import exact_mean, mean_map
from mcsgd.exact.recurrence import RECURRENCE, geometric_sum
from mcsgd.exact.subsets import few_epochs
from mcsgd.problems import LinearRegression, Quadratic
from mcsgd.settings import Settings

RNG = np.random.default_rng(7)
START = np.array([0.3])


def one_parameter(m):
    return RNG.uniform(-0.5, 3, size=(m, 1, 1)), RNG.normal(size=(m, 1))


@pytest.mark.parametrize("sampling", ["random-order", "shuffle-once"])
@pytest.mark.parametrize(("m", "epochs"), [(2, 1), (3, 3), (6, 1)])
def test_against_every_order(sampling, m, epochs):
    H, c = one_parameter(m)
    settings = Settings(0.2, epochs=epochs, sampling=sampling)
    every = plain.sequences(sampling, m, 1, epochs)
    solution = RECURRENCE.solve(Quadratic(H, c), START, settings)
    plain.assert_same(solution, plain.moments(plain.quadratic(H, c), START, 0.2, every))


def test_batches_of_a_regression():
    X, y = RNG.normal(size=(11, 1)), RNG.normal(size=11)
    problem, settings = LinearRegression(X, y, 2, 0.1), Settings(0.1, epochs=3)
    one, other = RECURRENCE.solve(problem, START, settings), few_epochs(problem, START, settings)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-13)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-11)


def test_sixteen_batches_against_recursion_over_sets():
    problem, settings = Quadratic(*one_parameter(16)), Settings(0.05)
    one, other = RECURRENCE.solve(problem, START, settings), few_epochs(problem, START, settings)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-13)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-11)
    matrix = mean_map(problem, 0.05)
    np.testing.assert_allclose((matrix @ [*START, 1.0])[:1], one.mean, rtol=1e-13)


def test_five_hundred_equal_curvatures():
    """x_m = a^m x + sum_k b_k a^(places after k): both moments in closed form."""
    m, eps, h = 500, 0.01, 1.3
    c = RNG.normal(size=m)
    answer = exact_mean(Quadratic(np.full((m, 1, 1), h), c[:, None]), START, Settings(eps))
    assert answer.method == "one-parameter recurrence"
    powers = (1 - eps * h) ** np.arange(m)
    b = eps * h * c
    mean = (1 - eps * h) ** m * START[0] + b.mean() * powers.sum()
    # A random assignment of b to places: m variances, and covariances of minus their 1/(m - 1).
    variance = b.var() * m / (m - 1) * (powers**2).sum() - b.var() / (m - 1) * powers.sum() ** 2
    np.testing.assert_allclose(answer.mean, [mean], rtol=1e-13)
    np.testing.assert_allclose(answer.covariance, [[variance]], rtol=1e-11)


def test_geometric_sum():
    for ratio in (0.7, -1.3, 1.0, 0.0):
        expected = sum(ratio**k for k in range(13))
        assert geometric_sum(ratio, 13) == pytest.approx(expected, rel=1e-14)
    assert geometric_sum(1.0, 10**9) == 10**9


@pytest.mark.parametrize("sampling", ["random-order", "shuffle-once"])
def test_a_mean_beyond_all_numbers_diverges(sampling):
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    with pytest.raises(DivergedError):
        exact_mean(problem, [1.0], Settings(0.5, epochs=2, sampling=sampling))
