"""Every problem's derivatives against finite differences and against each other."""

import numpy as np
import pytest
from reference import directional


@pytest.fixture
def point(problem):
    return np.random.default_rng(1).normal(size=(3, problem.parameters))


@pytest.mark.parametrize("batch", [0, -1, None], ids=["first", "last", "all"])
def test_against_central_differences(problem, point, batch):
    w, u, v = point
    k = problem.batches - 1 if batch == -1 else batch
    slope = directional(lambda x: problem.loss(x, k), w, u)
    np.testing.assert_allclose(problem.gradient(w, k) @ u, slope, rtol=1e-7, atol=1e-8)
    curve = directional(lambda x: problem.gradient(x, k), w, u)
    np.testing.assert_allclose(problem.hessian_vector(w, u, k), curve, rtol=1e-7, atol=1e-8)
    third = directional(lambda x: problem.hessian_vector(x, v, k), w, u)
    np.testing.assert_allclose(problem.third_derivative(w, u, v, k), third, rtol=1e-7, atol=1e-8)


def test_symmetries(problem, point):
    w, u, v = point
    np.testing.assert_allclose(
        u @ problem.hessian_vector(w, v), v @ problem.hessian_vector(w, u), rtol=1e-12, atol=1e-13
    )
    third = problem.third_derivative
    np.testing.assert_allclose(third(w, u, v), third(w, v, u), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(w @ third(w, u, v), u @ third(w, w, v), rtol=1e-11, atol=1e-12)


def test_all_batches_at_once(problem, point):
    w, u, v = point
    for k in range(problem.batches):
        np.testing.assert_array_equal(problem.gradients(w)[k], problem.gradient(w, k))
        np.testing.assert_array_equal(problem.hessian_vectors(w, u)[k], problem.hessian_vector(w, u, k))
        np.testing.assert_array_equal(
            problem.third_derivatives(w, u, v)[k], problem.third_derivative(w, u, v, k)
        )


def test_target_is_the_mean_over_batches(problem, point):
    """Also where the last batch is smaller and the mean over examples differs."""
    w = point[0]
    m = problem.batches
    np.testing.assert_allclose(problem.gradient(w), problem.gradients(w).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(problem.loss(w), np.mean([problem.loss(w, k) for k in range(m)]), rtol=1e-14)
    if problem.examples % problem.batch_size:
        everything = problem.gradient(w, np.arange(problem.examples))
        assert np.abs(everything - problem.gradient(w)).max() > 1e-3
