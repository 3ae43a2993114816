import numpy as np
import pytest

from mcsgd.errors import InputError
from mcsgd.problems import LogisticRegression, Quadratic, SoftmaxRegression
from mcsgd.theory import largest_curvature


def dense(problem, w):
    """The Hessian of C column by column."""
    return np.array([problem.hessian_vector(w, v) for v in np.eye(problem.parameters)])


def test_every_problem(problem):
    w = np.random.default_rng(0).normal(size=problem.parameters)
    wanted = np.abs(np.linalg.eigvalsh(dense(problem, w))).max()
    assert largest_curvature(problem, w) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("parameters", [21, 60, 200])
def test_lanczos(parameters):
    rng = np.random.default_rng(parameters)
    X = rng.normal(size=(30, parameters)) * np.linspace(0.1, 2, parameters)
    problem = LogisticRegression(X, np.arange(30) % 2, 7, 0.1)
    w = rng.normal(size=parameters)
    wanted = np.linalg.eigvalsh(dense(problem, w))[-1]
    assert largest_curvature(problem, w) == pytest.approx(wanted, rel=1e-8)


def test_lanczos_of_a_softmax():
    rng = np.random.default_rng(0)
    problem = SoftmaxRegression(rng.normal(size=(24, 8)), np.arange(24) % 4, 5, 0.01)
    w = 0.1 * rng.normal(size=problem.parameters)
    assert problem.parameters == 32
    assert largest_curvature(problem, w) == pytest.approx(np.linalg.eigvalsh(dense(problem, w))[-1], rel=1e-8)


@pytest.mark.parametrize("size", [1, 2, 3, 40])
def test_negative_and_no_curvature(size):
    curvatures = -np.arange(1.0, size + 1)
    H, centre = np.diag(curvatures)[None], np.zeros((1, size))
    assert largest_curvature(Quadratic(H, centre), np.ones(size)) == pytest.approx(size, rel=1e-8)
    assert largest_curvature(Quadratic(0 * H, centre), np.ones(size)) == 0


@pytest.mark.parametrize("size", [2, 40])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_beyond_all_numbers(size):
    X = np.full((2, size), 1e200)
    problem = LogisticRegression(X, [0, 1], 1)
    assert np.isnan(largest_curvature(problem, np.zeros(size)))


def test_wrong_point(toy):
    with pytest.raises(InputError, match="w: must be one number for each parameter"):
        largest_curvature(toy, [1.0])
