"""The covariance of distances over rungs is held to what other seeds do."""

from dataclasses import replace

import numpy as np
import pytest

from mcsgd.checks import Checks
from mcsgd.errors import InputError
from mcsgd.flow import Flow
from mcsgd.ladders.points import BELOW, MeanEndpoint, covariance_of, mean_endpoint, point_of
from mcsgd.ladders.rungs import make_rungs
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.theory import integrate

START = np.array([1.2, 0.7])


def points(problem, settings, values, exact=False, vary="step_size", field="gd", start=START):
    rungs = make_rungs(Checks(), problem, settings, vary, values, False)
    means = [mean_endpoint(rung, start, exact, 1, lambda done, total: None) for rung in rungs]
    flows = [integrate(rung.problem, start, rung.settings, field) for rung in rungs]
    return means, [point_of(mean, flow) for mean, flow in zip(means, flows, strict=True)]


@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
def test_covariance_is_that_over_seeds(toy, design):
    """Common random numbers: neighbours' noise is nearly the same. 100 seeds; false alarm 1e-6."""
    settings, values = Settings(0.02, trajectories=40, design=design), [0.04, 0.02]
    found = [points(toy, replace(settings, seed=seed), values)[1] for seed in range(100)]
    distances = np.array([[point.distance for point in pair] for pair in found])
    estimates = np.array([covariance_of(pair) for pair in found])
    estimated, measured = estimates.mean(axis=0), np.cov(distances.T)
    # The variance of a sample variance is 2/(n - 1) of its square, little more for noise so little skewed.
    np.testing.assert_allclose(estimated, measured, rtol=4.9 * np.sqrt(2.5 / 99))
    correlation = estimated[0, 1] / np.sqrt(estimated[0, 0] * estimated[1, 1])
    assert correlation > 0.99
    slope_noise = np.diff(np.log(distances), axis=1).std()
    assert slope_noise < 0.5 * np.hypot(*np.log(distances).std(axis=0))


def test_rungs_with_other_numbers_of_units():
    """Balanced sets are of other sizes for other batch sizes; only so many units can be common."""
    problem = ScalarFactorization(np.linspace(0.5, 2, 8), np.ones(8))
    settings = Settings(0.02, trajectories=1008, design="balanced")
    found = points(problem, settings, [1, 2], vary="batch_size")[1]
    assert [len(point.along) for point in found] == [3, 42]
    covariance = covariance_of(found)
    assert covariance[0, 1] == pytest.approx(found[0].along @ found[1].along[:3] / (2 * 42), rel=1e-12, abs=0)
    assert covariance[0, 1] != 0
    assert np.diag(covariance) == pytest.approx([point.standard_error**2 for point in found], abs=0)


def test_moments_alone_tell_the_same_but_for_the_covariance(toy, monkeypatch):
    settings = Settings(0.02, trajectories=100)
    kept = points(toy, settings, [0.02, 0.01])[1]
    monkeypatch.setattr("mcsgd.ladders.points.MOST_BYTES", 0)
    found = points(toy, settings, [0.02, 0.01])[1]
    assert [p.distance for p in found] == pytest.approx([p.distance for p in kept])
    assert [p.standard_error for p in found] == pytest.approx([p.standard_error for p in kept])
    assert covariance_of(found)[0, 1] == 0 < covariance_of(kept)[0, 1]


def test_exact_where_it_can_be(toy):
    settings = Settings(0.02, trajectories=10, epochs=9)
    means, found = points(toy, settings, [1, 9], exact="auto", vary="epochs")
    assert [mean.method for mean in means] == ["prefix tree", "Monte Carlo"]
    assert found[0].dof == np.inf
    assert found[0].standard_error == pytest.approx(1e-12 * 1.2 / np.sqrt(2), rel=0.01)
    with pytest.raises(InputError, match="max_steps"):
        points(toy, settings, [1, 9], exact=True, vary="epochs")


def test_deterministic_samplings_have_no_noise(toy):
    _, found = points(toy, Settings(0.02, trajectories=5, sampling="full-batch"), [0.02, 0.01])
    assert all(point.dof == np.inf and not point.left_out for point in found)
    assert covariance_of(found)[0, 1] == 0


def test_why_a_point_is_left_out(toy):
    one, few = Settings(0.02, trajectories=1), Settings(0.02, trajectories=4, seed=1)
    assert points(toy, one, [0.02, 0.01])[1][0].left_out == "one trajectory gives no standard error"
    below = points(toy, few, [0.02, 0.001], field="second-order")[1][1]
    assert below.left_out == BELOW
    assert below.distance < 2 * below.standard_error
    problem = Quadratic([[[-1e100]], [[1.0]]], [[0.0], [1.0]])
    for exact, text in ((False, "4 of 4 trajectories diverged"), ("auto", "it does not exist")):
        point = points(problem, few, [0.5, 0.25], exact, field="gradient", start=np.ones(1))[1][0]
        assert text in point.left_out
    escaping = Quadratic([[[-1.0]]], [[0.0]])
    flow = points(escaping, Settings(1.0, epochs=150), [0.5, 1.0], field="gradient", start=np.ones(1))[1][1]
    assert flow.left_out.startswith("the flow grew beyond 1e+60")


@pytest.mark.parametrize(("distance", "reason"), [(1.99, BELOW), (2.01, "")])
def test_two_standard_errors(distance, reason):
    mean = MeanEndpoint("none", np.zeros(1), np.array([distance]), np.eye(1), 50)
    flow = Flow("sgd", np.zeros(1), np.zeros((1, 1)), np.zeros(1))
    assert point_of(mean, flow).left_out == reason
