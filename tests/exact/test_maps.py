"""The mean map and its logarithm, against all orders and against the series of the theory."""

from itertools import permutations

import numpy as np
import pytest
from scipy.linalg import expm

from mcsgd.errors import InputError
from mcsgd.exact import exact_field_matrix, mean_map
from mcsgd.problems import LinearRegression, LogisticRegression, Quadratic
from mcsgd.settings import Settings
from mcsgd.theory import vector_field

RNG = np.random.default_rng(8)
A = RNG.normal(size=(5, 2, 2))
PROBLEM = Quadratic(A @ A.transpose(0, 2, 1), RNG.normal(size=(5, 2)))
POINT = np.array([0.8, -0.3])


@pytest.mark.parametrize("batch_size", [1, 2])
def test_mean_map_against_all_orders(batch_size):
    H, c = PROBLEM.data
    steps = []
    for rows in np.split(np.arange(5), range(batch_size, 5, batch_size)):
        step = np.eye(3)
        step[:2, :2] -= 0.1 * H[rows].mean(axis=0)
        step[:2, 2] = 0.1 * np.mean([H[i] @ c[i] for i in rows], axis=0)
        steps.append(step)
    products = [np.linalg.multi_dot(order[::-1]) for order in permutations(steps)]
    found = mean_map(PROBLEM.with_batch_size(batch_size), 0.1)
    np.testing.assert_allclose(found, np.mean(products, axis=0), rtol=0, atol=1e-15)


def test_regression():
    X, y = RNG.normal(size=(6, 2)), RNG.normal(size=6)
    as_quadratic = Quadratic(X[:, :, None] * X[:, None] + 0.1 * np.eye(2), np.zeros((6, 2)))
    matrix = mean_map(LinearRegression(X, y, 2, 0.1), 0.1)
    np.testing.assert_allclose(
        matrix[:2, :2], mean_map(as_quadratic.with_batch_size(2), 0.1)[:2, :2], rtol=1e-13
    )


def test_flow_of_the_field_is_the_map():
    field = exact_field_matrix(PROBLEM, 0.05)
    np.testing.assert_allclose(expm(5 * 0.05 * field), mean_map(PROBLEM, 0.05), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 1), ("sgd", 2)])
def test_slopes_of_the_series(field, order):
    """Exact field minus f0: slope 1; minus the first order of SGD too: slope 2, and not minus GD's."""
    errors = []
    for eps in 0.01 / 2.0 ** np.arange(5):
        exact = (exact_field_matrix(PROBLEM, eps) @ [*POINT, 1.0])[:2]
        errors.append(np.linalg.norm(exact - vector_field(PROBLEM, Settings(eps), field)(POINT)))
    slopes = np.log2(np.array(errors)[:-1] / errors[1:])
    assert slopes[-1] == pytest.approx(order, abs=0.04)


def test_what_cannot_be_done():
    logistic = LogisticRegression([[1.0], [2.0]], [0, 1], 1)
    many = Quadratic(np.ones((21, 1, 1)), np.zeros((21, 1)))
    cases = [
        (logistic, 0.1, "problem: must have quadratic batches, got LogisticRegression"),
        (many, 0.1, "problem: must have at most 20 batches, got 21"),
        (PROBLEM, 0.0, "step_size: must be > 0, got 0"),
        (
            Quadratic([[[1.0]]], [[0.0]]),
            1.5,
            "step_size: must be so small that all eigenvalues .* one is -0.5",
        ),
    ]
    for problem, step_size, message in cases:
        with pytest.raises(InputError, match=message):
            exact_field_matrix(problem, step_size)
