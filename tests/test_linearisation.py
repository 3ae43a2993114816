import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from mcsgd.errors import DivergedError
from mcsgd.linearisation import PARTS, _follow, exponential, flow_by_epoch, linearised
from mcsgd.problems import Quadratic
from mcsgd.settings import Settings
from mcsgd.theory import integrate


def test_noise_is_carried_to_the_end_by_the_jacobian(toy):
    """The derivative of the flow's endpoint in the point after the first epoch, to O(eps)."""
    settings = Settings(0.005, epochs=40)
    path = flow_by_epoch(toy, np.array([1.5, -0.7]), settings)
    *_, (first, w, jacobian) = linearised(toy, settings, path)
    assert (first, w.tolist()) == (0, [1.5, -0.7])
    begin = integrate(toy, w, replace(settings, epochs=1)).endpoint
    rest = replace(settings, epochs=39)
    steps = 1e-4 * np.eye(2)
    ends = [[integrate(toy, begin + sign * v, rest).endpoint for v in steps] for sign in (1, -1)]
    derivative = (np.array(ends[0]) - ends[1]).T / 2e-4
    assert np.linalg.norm(jacobian - derivative) < 0.015 * np.linalg.norm(derivative)


@pytest.mark.parametrize("epochs", [2, 7, 23])
def test_the_flow_is_had_at_every_epoch(toy, epochs):
    start, settings = np.array([1.5, -0.7]), Settings(0.01, epochs)
    found = flow_by_epoch(toy, start, settings)
    assert found.shape == (epochs + 1, 2)
    assert found[0].tolist() == start.tolist()
    ends = [integrate(toy, start, replace(settings, epochs=k)).endpoint for k in range(1, epochs + 1)]
    np.testing.assert_allclose(found[1:], ends, rtol=0, atol=1e-8)


def test_of_one_epoch_the_start_alone(toy):
    assert flow_by_epoch(toy, np.array([1.5, -0.7]), Settings(0.01)).tolist() == [[1.5, -0.7]]


def test_a_step_of_the_flow_is_of_fifth_order():
    """A step is off by O(h^6)."""
    times = 0.2, 0.1
    off = [_follow(lambda w: -w, np.ones(1), t, PARTS, math.inf)[0][0] - math.exp(-t) for t in times]
    assert math.log2(off[0] / off[1]) == pytest.approx(6, abs=0.1)


def test_a_stiff_flow():
    """DOP853 has not steps enough for all epochs at once. The first step would go far beyond."""
    settings = Settings(1.0, epochs=20)
    problem = Quadratic([np.diag([0.01, 45.0])] * 2, [[0.0, 0.0], [2.0, 2.0]])
    assert "too stiff" in integrate(problem, [3.0, 3.0], settings).message
    found = flow_by_epoch(problem, np.array([3.0, 3.0]), settings)
    end, expected = found[0], []
    for _ in range(20):
        end = integrate(problem, end, replace(settings, epochs=1)).endpoint
        expected.append(end)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-4)
    with pytest.raises(DivergedError, match="became too stiff in epoch 1 of 20"):
        flow_by_epoch(problem, found[0], replace(settings, step_size=4.0))


def test_a_flow_that_grows_beyond_all_bounds():
    problem = Quadratic([[[-1.0]]] * 2, [[0.0]] * 2)
    with pytest.raises(DivergedError, match=r"grew beyond 1e\+60 .* in epoch 185 of 200"):
        flow_by_epoch(problem, np.array([1.0]), Settings(0.5, epochs=200))
    assert flow_by_epoch(problem, np.zeros(1), Settings(0.5, epochs=200)).tolist() == [[0.0]] * 201


@pytest.mark.parametrize("size", [0.0, 1e-9, 0.1, 0.5, 1.0, 3.0, 40.0, 1e4])
@pytest.mark.parametrize("d", [1, 2, 30, 170])
def test_exponential(d, size):
    R = np.random.default_rng(d).normal(size=(d, d))
    symmetric = -R @ R.T
    symmetric *= size / np.linalg.norm(symmetric, 2)
    np.testing.assert_allclose(exponential(symmetric), expm(symmetric), rtol=0, atol=1e-15 * (size + 10))
    skew = (R - R.T) / (2 * np.linalg.norm(R, 2)) * size  # a rotation
    np.testing.assert_allclose(exponential(skew), expm(skew), rtol=0, atol=1e-15 * (size + 10) * np.sqrt(d))


def test_exponential_of_what_is_not_finite():
    assert np.isnan(exponential(np.array([[1.0, np.inf], [0.0, 1.0]]))).all()
