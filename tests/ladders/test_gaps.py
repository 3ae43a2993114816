"""The covariance of distances over points is held to what other seeds do."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import mcsgd
from mcsgd.errors import McsgdWarning
from mcsgd.flow import Flow
from mcsgd.ladders.gaps import BELOW, MeanEndpoint, Noise, covariance_of, gap_of
from mcsgd.moments import BINS, Bins
from mcsgd.problems import Quadratic
from mcsgd.settings import Settings

START = np.array([1.2, 0.7])


def gaps(problem, settings, values, exact=False, vary="step_size", field="gd", start=START):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", McsgdWarning)  # of the asymptotic range
        found = mcsgd.study(problem, start, settings, {vary: values}, [field], exact=exact)
    return [point.gaps[field] for point in found.points]


@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
def test_covariance_is_that_over_seeds(toy, design):
    """Common random numbers: neighbours' noise is nearly the same. 100 seeds; false alarm 1e-6."""
    settings, values = Settings(0.02, trajectories=40, design=design), [0.04, 0.02]
    found = [gaps(toy, replace(settings, seed=seed), values) for seed in range(100)]
    distances = np.array([[gap.distance for gap in pair] for pair in found])
    estimates = np.array([covariance_of(pair) for pair in found])
    estimated, measured = estimates.mean(axis=0), np.cov(distances.T)
    # The variance of a sample variance is 2/(n - 1) of its square, little more for noise so little skewed.
    np.testing.assert_allclose(estimated, measured, rtol=4.9 * np.sqrt(2.5 / 99))
    correlation = estimated[0, 1] / np.sqrt(estimated[0, 0] * estimated[1, 1])
    assert correlation > 0.99
    slope_noise = np.diff(np.log(distances), axis=1).std()
    assert slope_noise < 0.5 * np.hypot(*np.log(distances).std(axis=0))


@pytest.mark.parametrize(("few", "many"), [(3, 42), (100, 1000), (1000, 3000), (1000, 1000)])
def test_noise_of_other_numbers_of_units(few, many):
    """Of units with covariance c, of which the fewer are common, the means have c/many. 300 draws."""
    rng, found = np.random.default_rng(few), []
    for _ in range(300):
        one = rng.normal(size=(many, 1))
        other = 0.8 * one + 0.6 * rng.normal(size=(many, 1))
        found.append(noise_of(one[:few]).shared(noise_of(other)))
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(0.8 / many, abs=4.9 * error)
    assert error < 0.2 * 0.8 / many


def noise_of(units):
    bins, error = Bins.of(units, np.arange(len(units))), units.std(ddof=1) / np.sqrt(len(units))
    filled = bins.count > 0
    return Noise(error, bins.mean[filled, 0] - units.mean(), bins.count[filled])


def test_few_units_are_bins_of_their_own():
    units = np.random.default_rng(0).normal(size=(2, 20, 1))
    one, other = (noise_of(some) for some in units)
    assert one.shared(other) == pytest.approx(np.cov(*units[:, :, 0])[0, 1] / 20, rel=1e-12)
    assert one.binned_error == pytest.approx(one.error, rel=1e-12)


@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
def test_bins_of_many_units_tell_the_covariance(toy, design):
    """Against the units themselves; the variance of an estimate of k bins is 2/k of its square."""
    settings, values = Settings(0.02, trajectories=20_000, design=design), [0.04, 0.02]
    found = gaps(toy, settings, values)
    clouds = [mcsgd.simulate(toy, START, replace(settings, step_size=value)) for value in values]
    flows = [mcsgd.integrate(toy, START, cloud.settings, "gd") for cloud in clouds]
    along = []
    for cloud, flow in zip(clouds, flows, strict=True):
        units = cloud.endpoints.reshape(cloud.unit_count, -1, 2).mean(axis=1)
        difference = cloud.mean - flow.endpoint
        along.append(units @ difference / np.linalg.norm(difference))
    covariance, expected = covariance_of(found), np.cov(along) / clouds[0].unit_count
    assert [len(gap.noise.counts) for gap in found] == [BINS] * 2
    assert all(gap.dof == BINS - 1 for gap in found)
    np.testing.assert_allclose(covariance.diagonal(), expected.diagonal(), rtol=1e-3)
    weights = np.array([1.0, -covariance[0, 1] / covariance[1, 1]])  # what is left of one, given the other
    left, true = (weights @ matrix @ weights for matrix in (covariance, expected))
    assert left == pytest.approx(true, rel=4.9 * np.sqrt(2 / BINS))
    assert left < 0.05 * covariance[0, 0]


def test_deterministic_samplings_have_no_noise(toy):
    found = gaps(toy, Settings(0.02, trajectories=5, sampling="full-batch"), [0.02, 0.01])
    assert all(gap.dof == np.inf and not gap.left_out for gap in found)
    assert covariance_of(found)[0, 1] == 0


def test_why_a_point_is_left_out(toy):
    one, few = Settings(0.02, trajectories=1), Settings(0.02, trajectories=4, seed=1)
    assert gaps(toy, one, [0.02, 0.01])[0].left_out == "one trajectory gives no standard error"
    below = gaps(toy, few, [0.02, 0.001], field="second-order")[1]
    assert below.left_out == BELOW
    assert below.distance < 2 * below.standard_error
    problem = Quadratic([[[-1e100]], [[1.0]]], [[0.0], [1.0]])
    for exact, text in ((False, "4 of 4 trajectories diverged"), ("auto", "it does not exist")):
        gap = gaps(problem, few, [0.5, 0.25], exact, field="gradient", start=np.ones(1))[0]
        assert text in gap.left_out
    escaping = Quadratic([[[-1.0]]], [[0.0]])
    flow = gaps(escaping, Settings(1.0, epochs=150), [0.5, 1.0], field="gradient", start=np.ones(1))[1]
    assert flow.left_out.startswith("the flow grew beyond 1e+60")


@pytest.mark.parametrize(("distance", "reason"), [(1.99, BELOW), (2.01, "")])
def test_two_standard_errors(distance, reason):
    mean = MeanEndpoint(np.zeros(1), np.array([distance]), np.eye(1), 50)
    flow = Flow("sgd", np.zeros(1), np.zeros((1, 1)), np.zeros(1))
    assert gap_of(mean, flow).left_out == reason
