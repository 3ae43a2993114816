"""Mean and covariance of xi against all orders, and all that reshuffled examples can do."""

from itertools import permutations

import numpy as np
import pytest
from reference import epoch, expansion, reshuffled

from mcsgd.errors import InputError
from mcsgd.problems import LogisticRegression, Quadratic, ScalarFactorization, TanhNetwork
from mcsgd.theory import xi, xi_covariance, xi_mean
from mcsgd.theory.units import shuffled_units


def problems(examples, batch_size):
    rng = np.random.default_rng(examples)
    X, y = rng.normal(size=(examples, 3)), rng.normal(size=examples)
    yield ScalarFactorization(rng.uniform(0.5, 2, examples), y, batch_size), np.array([1.2, 0.7])
    yield TanhNetwork(X, y, batch_size, hidden=2), rng.normal(size=11)
    if examples > 1:
        yield LogisticRegression(X, np.arange(examples) % 2, batch_size), rng.normal(size=3)


def agree(problem, w, sampling, runs):
    values = np.array([expansion(problem, w, run)[1] for run in runs])
    mean, covariance = values.mean(axis=0), np.cov(values.T, bias=True)
    found = xi_mean(problem, w, sampling), xi_covariance(problem, w, sampling)
    for value, expected in zip(found, (mean, covariance), strict=True):
        np.testing.assert_allclose(
            value, expected, rtol=0, atol=1e-13 * np.abs(values).max() ** expected.ndim
        )


@pytest.mark.parametrize("batches", [1, 2, 3, 5])
def test_random_order(batches):
    for problem, w in problems(batches, 1):
        agree(problem, w, "random-order", list(permutations(range(batches))))


@pytest.mark.parametrize(
    ("examples", "batch_size"),
    [(1, 1), (2, 1), (3, 2), (3, 3), (4, 1), (4, 3), (5, 2), (6, 2), (6, 3), (6, 4)],
)
def test_reshuffled_examples(examples, batch_size):
    for problem, w in problems(examples, batch_size):
        agree(problem, w, "reshuffle-examples", reshuffled(examples, batch_size))


def test_fixed_batches_with_a_smaller_last_one():
    for problem, w in problems(5, 2):
        agree(problem, w, "shuffle-once", list(permutations(range(3))))


def test_xi_is_the_second_order_of_an_epoch(problem):
    w = np.linspace(-0.5, 0.7, problem.parameters)
    order = (2, 0, 3, 1)
    np.testing.assert_allclose(xi(problem, w, order), expansion(problem, w, order)[1], rtol=1e-12, atol=1e-12)
    eps = 1e-4
    remainder = epoch(problem, w, eps, order) - w + eps * 4 * problem.gradient(w)
    assert np.abs(remainder / eps**2 - xi(problem, w, order)).max() < 0.05 * np.abs(remainder).max() / eps**2


@pytest.mark.parametrize(("examples", "batch_size"), [(6, 3), (5, 2), (5, 4), (3, 3), (1, 1)])
def test_first_order_noise(examples, batch_size):
    """The sum of an epoch's gradients is random where batches are of unequal size."""
    for problem, w in problems(examples, batch_size):
        sums = np.array([expansion(problem, w, run)[0] for run in reshuffled(examples, batch_size)])
        u = np.array([problem.gradient(w, [i]) for i in range(examples)])
        u -= u.mean(axis=0)
        factor = shuffled_units(problem, "reshuffle-examples").first_order_noise
        np.testing.assert_allclose(factor * u.T @ u, np.cov(sums.T, bias=True), rtol=0, atol=1e-13)
        assert (factor > 0) == bool(examples % batch_size)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda toy: xi(toy, [1.0], range(4)), "w: must be one number for each parameter"),
        (lambda toy: xi(toy, [1.0, 2.0], [0, 1, 2, 2]), "order: must hold each of the 4 batches once"),
        (lambda toy: xi(toy, [1.0, 2.0], [0, 1, 2, 3.5]), "order: must hold each of the 4 batches once"),
        (lambda toy: xi(toy, [1.0, 2.0], [0, 1]), "order: must be a batch for each place of shape"),
        (lambda toy: xi_mean(toy, [1.0, 2.0], "full-batch"), "sampling: must be one of random-order, shuffle-once"),
        (lambda toy: xi_covariance(toy, [np.nan, 2.0]), "w: must be finite"),
    ],
)  # fmt: skip
def test_wrong_arguments(toy, call, expected):
    with pytest.raises(InputError, match=expected):
        call(toy)


def test_too_large_for_a_covariance():
    wide = Quadratic([np.eye(1001)], np.zeros((1, 1001)))
    with pytest.raises(
        InputError, match="problem: must have at most 1000 parameters for a covariance, got 1001"
    ):
        xi_covariance(wide, np.zeros(1001))
    many = LogisticRegression(np.eye(900, 600), np.arange(900) % 2, batch_size=9)
    with pytest.raises(
        InputError, match=r"problem: takes 2\.2e\+08 numbers for the covariance of 600 parameters"
    ):
        xi_covariance(many, np.zeros(600), "reshuffle-examples")
