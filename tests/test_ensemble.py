from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mcsgd.ensemble import Ensemble
from mcsgd.errors import DivergedError
from mcsgd.origin import Origin
from mcsgd.rows import Rows
from mcsgd.settings import Settings

STATISTICS = ["mean", "standard_error", "mean_covariance", "covariance"]
DETERMINISTIC = [
    {"sampling": "full-batch"},
    {"sampling": "given-order", "order": (0, 1, 2, 3)},
    {"batches": 1},
]


def make_cloud(endpoints, status=None, batches=4, leaf=240, **settings):
    endpoints = np.asarray(endpoints, float)
    n, d = endpoints.shape
    origin = Origin(
        settings=Settings(0.1, trajectories=n, snapshots=(1,), **settings),
        start=np.zeros(d),
        flow_time=0.1 * batches,
        batches=batches,
        leaf=leaf,
        fingerprint="",
        stream_version=1,
    )
    status = np.zeros(n, np.uint8) if status is None else np.array(status, np.uint8)
    return Ensemble(origin, Rows(0, endpoints, status, endpoints[:, None], np.empty((0, 5, d))))


@pytest.fixture
def endpoints():
    return np.random.default_rng(3).normal(size=(40, 3)) @ np.diag([1, 10, 0.1]) + [5, 0, -2]


def test_independent_trajectories_against_numpy(endpoints):
    cloud = make_cloud(endpoints)
    assert cloud.unit_name == "trajectory"
    np.testing.assert_allclose(cloud.mean, endpoints.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(cloud.covariance, np.cov(endpoints.T), rtol=1e-13)
    np.testing.assert_allclose(cloud.mean_covariance, np.cov(endpoints.T) / 40, rtol=1e-13)
    np.testing.assert_allclose(cloud.standard_error, endpoints.std(axis=0, ddof=1) / np.sqrt(40), rtol=1e-13)


def test_unit_of_reversed_pairs_is_the_pair(endpoints):
    endpoints[1::2] -= 0.9 * endpoints[::2]
    cloud = make_cloud(endpoints, design="reversed-pairs")
    pairs = (endpoints[::2] + endpoints[1::2]) / 2
    assert cloud.unit_name == "pair"
    np.testing.assert_allclose(cloud.mean, endpoints.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(cloud.covariance, np.cov(endpoints.T), rtol=1e-12)
    np.testing.assert_allclose(cloud.mean_covariance, np.cov(pairs.T) / 20, rtol=1e-12)
    np.testing.assert_allclose(cloud.standard_error, pairs.std(axis=0, ddof=1) / np.sqrt(20), rtol=1e-12)


def test_unit_of_balanced_sets_is_the_set():
    endpoints = np.random.default_rng(3).normal(size=(120, 3))
    cloud = make_cloud(endpoints, design="balanced")
    means = endpoints.reshape(5, 24, 3).mean(axis=1)
    assert (cloud.unit_name, cloud.unit_count) == ("set", 5)
    np.testing.assert_allclose(cloud.mean, endpoints.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(cloud.covariance, np.cov(endpoints.T), rtol=1e-12)
    np.testing.assert_allclose(cloud.mean_covariance, np.cov(means.T) / 5, rtol=1e-12)
    status = np.zeros(120, np.uint8)
    status[[30, 100]] = 1
    kept = make_cloud(endpoints, status, design="balanced").finished()
    np.testing.assert_array_equal(kept.endpoints, endpoints.reshape(5, 24, 3)[[0, 2, 3]].reshape(-1, 3))
    assert kept.left_out == 48


@pytest.mark.parametrize(("n", "design"), [(1, "independent"), (2, "reversed-pairs"), (24, "balanced")])
def test_one_unit_has_no_standard_error(endpoints, n, design):
    """The balanced set of four batches has 24 orders."""
    cloud = make_cloud(endpoints[:n], design=design)
    np.testing.assert_allclose(cloud.mean, endpoints[:n].mean(axis=0), rtol=1e-12)
    assert np.isnan(cloud.standard_error).all()
    assert np.isnan(cloud.covariance).all() == (n == 1)


@pytest.mark.parametrize("settings", DETERMINISTIC)
def test_no_randomness_no_standard_error(endpoints, settings):
    cloud = make_cloud(endpoints[:1], **settings)
    assert cloud.deterministic
    np.testing.assert_array_equal(cloud.mean, endpoints[0])
    np.testing.assert_array_equal(cloud.standard_error, np.zeros(3))


@pytest.mark.parametrize("design", ["independent", "reversed-pairs", "balanced"])
def test_moments_merged_of_leaves(design):
    """The last leaf is smaller."""
    endpoints = np.random.default_rng(3).normal(size=(120, 3)) @ np.diag([1, 10, 0.1]) + [5, 0, -2]
    status = np.zeros(120, np.uint8)
    status[[3, 50, 51]] = 1
    whole, leaves = (make_cloud(endpoints, status, leaf=leaf, design=design).finished() for leaf in (240, 48))
    assert (leaves.left_out, leaves.unit_count) == (whole.left_out, whole.unit_count)
    for name in STATISTICS:
        scale = np.abs(getattr(whole, name)).max()
        np.testing.assert_allclose(
            getattr(leaves, name), getattr(whole, name), rtol=1e-13, atol=1e-14 * scale
        )


@pytest.mark.parametrize(("leaf", "tolerance"), [(240, 1e-12), (24, 1e-8)])
@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
def test_narrow_cloud_against_exact_arithmetic(design, leaf, tolerance):
    """Of one leaf; of two, whose means are known to the rounding of their distance from the start."""
    endpoints = 1 + 1e-8 * np.random.default_rng(4).normal(size=(30, 2))
    size = 2 if design == "reversed-pairs" else 1
    exact = [[Fraction(x) for x in column] for column in endpoints.T]
    units = [[sum(x[i : i + size]) / size for i in range(0, 30, size)] for x in exact]
    n = len(units[0])
    means = [sum(u) / n for u in units]
    covariance = [
        [
            float(sum((a - ma) * (b - mb) for a, b in zip(u, v, strict=True)) / (n - 1) / n)
            for v, mb in zip(units, means, strict=True)
        ]
        for u, ma in zip(units, means, strict=True)
    ]
    cloud = make_cloud(endpoints, leaf=leaf, design=design)
    np.testing.assert_allclose(cloud.mean, [float(m) for m in means], rtol=np.finfo(float).eps)
    np.testing.assert_allclose(cloud.mean_covariance, covariance, rtol=tolerance)


def test_finished_keeps_whole_pairs(endpoints):
    status = np.zeros(40, np.uint8)
    status[[3, 10, 11, 36]] = 1  # of pairs 1, 5, 18
    kept = np.setdiff1d(np.arange(40), [2, 3, 10, 11, 36, 37])
    cloud = make_cloud(endpoints, status, design="reversed-pairs")
    finished = cloud.finished()
    assert (cloud.diverged, finished.diverged) == (4, 0)
    assert finished.left_out == finished.finished().left_out == 6
    np.testing.assert_array_equal(finished.endpoints, endpoints[kept])
    np.testing.assert_array_equal(finished.snapshots[:, 0], endpoints[kept])
    np.testing.assert_allclose(finished.mean, endpoints[kept].mean(axis=0), rtol=1e-13)
    pairs = endpoints[kept].reshape(-1, 2, 3).mean(axis=1)
    np.testing.assert_allclose(finished.mean_covariance, np.cov(pairs.T) / 17, rtol=1e-12)


def test_finished_of_independent_trajectories(endpoints):
    status = np.arange(40) % 4 == 1
    finished = make_cloud(endpoints, status).finished()
    np.testing.assert_array_equal(finished.endpoints, endpoints[~status])
    assert repr(finished) == "Ensemble(30 trajectories, 3 parameters, 10 diverged left out)"


@pytest.mark.parametrize("settings", [{}, *DETERMINISTIC])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_no_statistics_of_a_diverged_cloud(statistic, settings):
    cloud = make_cloud(np.full((2, 3), np.nan), [1, 1], **settings)
    with pytest.raises(DivergedError, match="2 of 2 trajectories diverged"):
        getattr(cloud, statistic)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_no_statistics_where_none_finished(statistic):
    cloud = make_cloud(np.full((2, 3), np.nan), [1, 1])
    with pytest.raises(DivergedError, match="none of the 2 trajectories finished"):
        getattr(cloud.finished(), statistic)


@pytest.mark.parametrize("per_unit", [1, 2])
def test_parts_of_endpoints_and_snapshots(endpoints, per_unit):
    """Together they are the whole, without units that diverged."""
    status = np.zeros(40, np.uint8)
    status[[0, 17]] = 1
    design = {"design": "reversed-pairs"} if per_unit == 2 else {}
    cloud = make_cloud(endpoints, status, leaf=16, **design)
    for some in (cloud, cloud.finished()):
        assert [len(part) for part in some.endpoint_parts()] == [len(part) for part in some.snapshot_parts()]
        np.testing.assert_array_equal(np.concatenate(list(some.endpoint_parts())), some.endpoints)
        np.testing.assert_array_equal(np.concatenate(list(some.snapshot_parts())), some.snapshots)
        for most in (0, 7, 20, 100):
            np.testing.assert_array_equal(some.first_endpoints(most), some.endpoints[:most])
    assert some.count == 40 - 2 * per_unit


def test_paths_of_trajectories_that_finished(endpoints):
    cloud = make_cloud(endpoints, [0, 1, 0, 0] + [0] * 36, paths=3)
    paths = np.arange(45.0).reshape(3, 5, 3)
    cloud = replace(cloud, rows=replace(cloud.rows, paths=paths))
    np.testing.assert_array_equal(cloud.finished_paths, paths[[0, 2]])
    np.testing.assert_array_equal(cloud.finished().finished_paths, paths[[0, 2]])
    moments = Ensemble(cloud.origin, None, cloud.moments, first_paths=paths)
    np.testing.assert_array_equal(moments.finished_paths, paths)
