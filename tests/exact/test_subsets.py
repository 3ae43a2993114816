"""Recursion over sets of batches, against every order."""

import numpy as np
import plain_sgd as plain
import pytest

from mcsgd.exact.subsets import SUBSETS, few_epochs, many_epochs
from mcsgd.exact.tree import TREE
from mcsgd.problems import LinearRegression, Quadratic
from mcsgd.settings import Settings

RNG = np.random.default_rng(5)
A = RNG.normal(size=(5, 2, 2))
HESSIANS, CENTERS = A @ A.transpose(0, 2, 1) - 0.1 * np.eye(2), RNG.normal(size=(5, 2))
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=7)


def quadratic(batch_size):
    return Quadratic(HESSIANS, CENTERS, batch_size), plain.quadratic(HESSIANS, CENTERS)


def linear(batch_size):
    return LinearRegression(X, Y, batch_size, 0.2), plain.linear(X, Y, 0.2)


@pytest.mark.parametrize("solve", [few_epochs, many_epochs])
@pytest.mark.parametrize(
    ("kind", "batch_size", "epochs"), [(quadratic, 1, 1), (quadratic, 2, 3), (linear, 2, 1), (linear, 3, 2)]
)
def test_against_every_order(solve, kind, batch_size, epochs):
    problem, gradient = kind(batch_size)
    start = RNG.normal(size=problem.parameters)
    every = plain.sequences("random-order", problem.examples, batch_size, epochs)
    solution = solve(problem, start, Settings(0.1, epochs=epochs))
    plain.assert_same(solution, plain.moments(gradient, start, 0.1, every))


def test_many_epochs_against_epoch_by_epoch():
    problem, _ = quadratic(1)
    settings, start = Settings(0.1, epochs=200), np.array([1.0, -1.0])
    one, other = few_epochs(problem, start, settings), many_epochs(problem, start, settings)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-12)
    assert SUBSETS.solve(problem, start, settings).mean.tobytes() == other.mean.tobytes()


def test_small_step_sizes_lose_no_digits_of_the_covariance():
    problem, _ = quadratic(1)
    settings, start = Settings(1e-5), np.array([1.0, -1.0])
    tree = TREE.solve(problem, start, settings).covariance
    for solve in (few_epochs, many_epochs):
        np.testing.assert_allclose(solve(problem, start, settings).covariance, tree, rtol=1e-9)
