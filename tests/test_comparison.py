"""False-alarm rate of each statistical test: 1e-6 (fixed seeds)."""

import math
from dataclasses import replace

import numpy as np
import pytest
from reference import exact_mean
from scipy import stats

from mcsgd.comparison import Comparison, compare
from mcsgd.errors import DivergedError, InputError
from mcsgd.flow import Flow
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate

ALARM = 1e-6


def flow_to(endpoint, **kwargs):
    endpoint = np.asarray(endpoint, float)
    return Flow("sgd", np.zeros(1), endpoint[None], endpoint, **kwargs)


def quadratic(dimension):
    rng = np.random.default_rng(dimension)
    A = rng.normal(size=(5, dimension, dimension))
    return Quadratic(A @ A.transpose(0, 2, 1) + np.eye(dimension), rng.normal(size=(5, dimension)))


def groups(cloud, size):
    """Cut one large ensemble into independent small ones."""
    origin = replace(cloud.origin, settings=replace(cloud.settings, trajectories=size))
    for first in range(0, len(cloud.endpoints), size):
        yield replace(cloud, origin=origin, rows=replace(cloud.rows.part(first, first + size), first=0))


@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
@pytest.mark.parametrize("dimension", [1, 2, 10])
def test_intervals_cover_the_exact_mean(dimension, design):
    """In 95% of 600 repetitions of 60 trajectories; endpoints are not normal: 1% is allowed for that."""
    problem, start = quadratic(dimension), np.ones(dimension)
    settings = Settings(0.02, trajectories=600 * 60, seed=1, design=design)
    target = flow_to(exact_mean(problem, start, 0.02))
    verdicts = [compare(c, target) for c in groups(simulate(problem, start, settings), 60)]
    low, high = stats.binom.ppf(ALARM / 2, 600, 0.94), stats.binom.isf(ALARM / 2, 600, 0.96)
    inside = np.array([(v.interval[:, 0] <= 0) & (v.interval[:, 1] >= 0) for v in verdicts])
    for hits in inside.sum(axis=0):
        assert low <= hits <= high
    assert low <= sum(v.distance_interval[0] == 0 for v in verdicts) <= high
    assert low <= sum(v.compatible for v in verdicts) <= high


def test_intervals_of_balanced_sets_cover_the_exact_mean():
    """In 95% of 600 repetitions of 8 sets of 60 orders."""
    problem, start = quadratic(3), np.ones(3)
    settings = Settings(0.05, trajectories=600 * 480, seed=1, design="balanced")
    target = flow_to(exact_mean(problem, start, 0.05))
    verdicts = [compare(c, target) for c in groups(simulate(problem, start, settings), 480)]
    low, high = stats.binom.ppf(ALARM / 2, 600, 0.94), stats.binom.isf(ALARM / 2, 600, 0.96)
    inside = np.array([(v.interval[:, 0] <= 0) & (v.interval[:, 1] >= 0) for v in verdicts])
    for hits in inside.sum(axis=0):
        assert low <= hits <= high
    assert low <= sum(v.compatible for v in verdicts) <= high
    assert {v.units for v in verdicts} == {8}


@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
@pytest.mark.parametrize("dimension", [1, 2, 10])
def test_distance_intervals_cover_the_true_distance(dimension, design):
    problem, start = quadratic(dimension), np.ones(dimension)
    settings = Settings(0.02, trajectories=600 * 60, seed=2, design=design)
    cloud = simulate(problem, start, settings)
    mean = exact_mean(problem, start, 0.02)
    spread = np.sqrt(np.trace(cloud.statistics.units.covariance) / 60)
    shift = np.full(dimension, 3 * spread / np.sqrt(dimension))
    verdicts = [compare(c, flow_to(mean + shift)) for c in groups(cloud, 60)]
    hits = sum(v.distance_interval[0] <= 3 * spread <= v.distance_interval[1] for v in verdicts)
    assert stats.binom.ppf(ALARM / 2, 600, 0.92) <= hits <= stats.binom.isf(ALARM / 2, 600, 0.98)


def test_unit_is_the_pair(toy):
    settings = Settings(0.05, trajectories=100, design="reversed-pairs")
    cloud = simulate(toy, [1.2, 0.7], settings)
    pairs = cloud.endpoints.reshape(50, 2, 2).mean(axis=1)
    result = compare(cloud, flow_to(cloud.start))
    assert result.units == 50
    np.testing.assert_allclose(result.standard_error, pairs.std(axis=0, ddof=1) / np.sqrt(50), rtol=1e-9)
    np.testing.assert_allclose(result.difference, pairs.mean(axis=0) - cloud.start, rtol=1e-12)


def test_one_trajectory_tells_nothing(toy):
    cloud = simulate(toy, [1.2, 0.7], Settings(0.05, trajectories=1))
    result = compare(cloud, flow_to([0.0, 0.0]))
    assert result.compatible is None
    assert np.isnan(result.standard_error).all()
    assert np.isnan(result.p_value)
    assert result.distance == pytest.approx(np.linalg.norm(cloud.endpoints[0]))
    assert result.as_dict()["p_value"] is None


@pytest.mark.parametrize("trajectories", [1, 5])
@pytest.mark.parametrize("sampling", ["random-order", "full-batch", "with-replacement"])
def test_identical_endpoints_are_exact(sampling, trajectories):
    """One batch: every sampling is gradient descent, and the endpoint has no error but the flow's."""
    problem = ScalarFactorization([1.0], [0.6])
    cloud = simulate(problem, [2.8, 3.5], Settings(0.01, trajectories=trajectories, sampling=sampling))
    same = compare(cloud, flow_to(cloud.mean * (1 + 1e-13)))
    assert same.compatible
    other = compare(cloud, flow_to(cloud.mean * (1 + 1e-9)))
    assert not other.compatible
    assert other.distance_interval == pytest.approx([other.distance] * 2, rel=0.01)


def test_equal_batches_give_identical_endpoints_too():
    """The sample covariance is then of rounding errors, or exactly zero."""
    problem = Quadratic([np.eye(2)] * 4, [[1.0, 2.0]] * 4)
    cloud = simulate(problem, [0.3, 0.1], Settings(0.1, trajectories=20))
    assert compare(cloud, flow_to(cloud.mean)).compatible
    assert not compare(cloud, flow_to(cloud.mean + 1e-8)).compatible


def test_rank_deficient_cloud(toy):
    """To leading order, the cloud of the a b x toy has rank 1."""
    settings = Settings(0.001, trajectories=500)
    cloud = simulate(toy, [1.2, 0.7], settings)
    assert compare(cloud, integrate(toy, [1.2, 0.7], settings, "sgd")).compatible
    assert not compare(cloud, integrate(toy, [1.2, 0.7], settings, "gradient")).compatible


def test_fewer_trajectories_than_parameters():
    problem = quadratic(10)
    settings = Settings(0.002, trajectories=4)
    cloud = simulate(problem, np.ones(10), settings)
    result = compare(cloud, integrate(problem, np.ones(10), settings, "sgd"))
    assert result.compatible
    assert np.isfinite(result.distance_interval).all()


def test_failed_flow_is_not_compared(toy):
    cloud = simulate(toy, [1.2, 0.7], Settings(0.05, trajectories=10))
    result = compare(cloud, flow_to([np.nan, np.nan], message="left the finite numbers"))
    assert result.compatible is None
    assert result.message


def test_diverged_trajectories_are_never_silent():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    settings = Settings(0.5, epochs=2, trajectories=40, sampling="with-replacement")
    cloud = simulate(problem, [1.0], settings)
    with pytest.raises(DivergedError, match="of 40 trajectories diverged"):
        compare(cloud, flow_to([0.0]))
    assert compare(cloud.finished(), flow_to([0.0])).units == 40 - cloud.diverged


@pytest.mark.parametrize("confidence", [0, 1, -1, np.nan, "0.9", True])
def test_wrong_confidence(toy, confidence):
    cloud = simulate(toy, [1.2, 0.7], Settings(0.05, trajectories=10))
    with pytest.raises(InputError, match="confidence: must be"):
        compare(cloud, flow_to([0.0, 0.0]), confidence)


def test_wrong_flow(toy):
    cloud = simulate(toy, [1.2, 0.7], Settings(0.05, trajectories=10))
    with pytest.raises(
        InputError, match=r"flow: must have an endpoint of the cloud's shape \(2,\), got \(3,\)"
    ):
        compare(cloud, flow_to([0.0, 0.0, 0.0]))


def test_scores_of_coordinates(toy):
    settings = Settings(0.01, trajectories=100)
    cloud = simulate(toy, [1.2, 0.7], settings)
    found = compare(cloud, integrate(toy, [1.2, 0.7], settings, "gradient"))
    np.testing.assert_array_equal(found.z_scores, found.difference / found.standard_error)
    assert found.dof == 99


@pytest.mark.parametrize("d", [1, 2, 30, 2000])
@pytest.mark.parametrize("dof", [3, 99, math.inf])
def test_the_largest_score_by_chance(d, dof):
    """Of independent coordinates none exceeds it with a probability of 95%, and by little more."""
    zeros = np.zeros(d)
    found = Comparison("sgd", zeros, zeros, zeros, 0.0, 0.0, (0.0, 0.0), 1.0, 0.95, 4, dof)
    inside = (1 - 2 * stats.t.sf(found.largest_by_chance, dof)) ** d
    assert 0.95 - 1e-9 <= inside < 0.9513


def test_no_scores_for_one_trajectory(toy):
    settings = Settings(0.01, trajectories=1)
    found = compare(simulate(toy, [1.2, 0.7], settings), integrate(toy, [1.2, 0.7], settings, "sgd"))
    assert np.isnan(found.z_scores).all()
    assert math.isnan(found.largest_by_chance)


def test_the_accuracy_of_the_flow_is_in_the_standard_error(toy):
    settings = Settings(0.01, trajectories=1, sampling="full-batch")
    cloud, flow = simulate(toy, [1.2, 0.7], settings), integrate(toy, [1.2, 0.7], settings, "gd")
    exact, rough = compare(cloud, flow), compare(cloud, flow, accuracy=1e-6)
    assert rough.distance_standard_error == pytest.approx(1e6 * exact.distance_standard_error)
    with pytest.raises(InputError, match="accuracy: must be >= 0, got -1"):
        compare(cloud, flow, accuracy=-1)
