import json
from dataclasses import replace

import numpy as np
import pytest

from mcsgd.comparison import compare
from mcsgd.errors import DivergedError, InputError
from mcsgd.experiment import Experiment
from mcsgd.moments import EnsembleMoments, Moments
from mcsgd.plots import cloud_picture
from mcsgd.problems import Quadratic
from mcsgd.run import Run
from mcsgd.schemes import DESIGNS
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage import load
from mcsgd.theory import integrate
from mcsgd.verdict import judge

START = np.array([1.2, 0.7])


def assert_same(one, other):
    assert one.count == other.count
    assert one.mean.tobytes() == other.mean.tobytes()
    assert one.scatter.tobytes() == other.scatter.tobytes()


@pytest.mark.parametrize("cuts", [[], [0], [1], [3, 4], [10, 20, 100]])
def test_merged_parts_are_the_whole(cuts):
    rows = 1 + 1e-8 * np.random.default_rng(0).normal(size=(200, 3))  # a spread that cancellation would lose
    parts = np.split(rows, cuts)
    merged = Moments.of(parts[0])
    for part in parts[1:]:
        merged = merged.merged(Moments.of(part))
    exact = np.cov((rows.astype(np.longdouble) - 1).T)
    assert merged.count == 200
    np.testing.assert_allclose(merged.mean, rows.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(merged.covariance, exact.astype(float), rtol=1e-7)


def test_empty_and_single():
    empty, one = Moments.of(np.empty((0, 2))), Moments.of(np.ones((1, 2)))
    assert empty.merged(one).mean.tolist() == [1, 1]
    assert one.merged(empty).count == 1
    assert np.isnan(one.covariance).all()


def test_units_with_a_diverged_half_are_left_out():
    endpoints = np.array([[1.0], [3.0], [np.nan], [7.0], [5.0], [9.0]])
    moments = EnsembleMoments.of(endpoints, np.array([0, 0, 1, 0, 0, 0], np.uint8), np.ones(1), 2)
    assert moments.left_out == 2
    assert moments.units.count == 2
    assert moments.units.mean == [(1 + 6) / 2]
    assert moments.singles.count == 4


KEPT = [design for design in DESIGNS if design != "control-variate"]  # which needs the cloud


@pytest.mark.parametrize("design", KEPT)
def test_against_the_cloud(toy, design):
    settings = Settings(0.05, epochs=2, trajectories=504, design=design, paths=2)
    cloud = simulate(toy, START, settings)
    kept = simulate(toy, START, settings, keep_cloud=False, block_size=72)
    assert kept.endpoints.shape == (0, 2)
    assert kept.count == cloud.count == 504
    assert kept.unit_count == cloud.unit_count
    np.testing.assert_allclose(kept.mean, cloud.mean, rtol=1e-15)
    np.testing.assert_allclose(kept.standard_error, cloud.standard_error, rtol=1e-10)
    np.testing.assert_allclose(kept.covariance, cloud.covariance, rtol=1e-10)
    np.testing.assert_array_equal(kept.paths, cloud.paths)
    flow = integrate(toy, START, settings)
    assert compare(kept, flow).p_value == pytest.approx(compare(cloud, flow).p_value, rel=1e-6)


@pytest.mark.parametrize("design", ["reversed-pairs", "balanced"])
def test_bytes_do_not_depend_on_workers(toy, design):
    settings = Settings(0.05, trajectories=200_016, design=design)
    one, two, three = (simulate(toy, START, settings, workers=w, keep_cloud=False) for w in (1, 2, 3))
    for other in (two, three):
        assert_same(one.moments.units, other.moments.units)
        assert_same(one.moments.singles, other.moments.singles)


@pytest.mark.parametrize("design", KEPT)
def test_file(toy, tmp_path, design):
    settings = Settings(0.05, trajectories=312, design=design)
    kept = simulate(toy, START, settings, path=tmp_path / "run.h5", keep_cloud=False)
    again = load(tmp_path / "run.h5").cloud
    assert_same(kept.moments.units, again.moments.units)
    assert_same(kept.moments.singles, again.moments.singles)
    assert again.fingerprint == simulate(toy, START, settings).fingerprint
    assert (tmp_path / "run.h5").stat().st_size < 60_000


def test_divergence_is_counted():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    settings = Settings(0.5, epochs=2, trajectories=40, sampling="with-replacement")
    cloud, kept = (simulate(problem, [1.0], settings, keep_cloud=keep) for keep in (True, False))
    assert kept.diverged == cloud.diverged
    with pytest.raises(DivergedError, match=f"{cloud.diverged} of 40 trajectories diverged"):
        _ = kept.mean
    np.testing.assert_allclose(kept.finished().mean, cloud.finished().mean)
    assert kept.finished().left_out == cloud.diverged
    assert kept.finished().diverged == 0
    assert f"{cloud.diverged} of 40 trajectories are left out" in str(
        judge(kept.finished(), [integrate(problem, [1.0], settings, "gd")])
    )


def test_what_needs_the_cloud_is_refused(toy):
    settings = Settings(0.05, trajectories=10, design="reversed-pairs")
    with pytest.raises(InputError, match=r"snapshots: need the cloud, which is not kept; got \[1\]"):
        simulate(toy, START, replace(settings, snapshots=(1,)), keep_cloud=False)
    for design, unit in {"reversed-pairs": 2, "balanced": 24}.items():
        whole = replace(settings, trajectories=240, design=design)
        with pytest.raises(InputError, match=f"block_size: must be a multiple of {unit} where moments of"):
            simulate(toy, START, whole, keep_cloud=False, block_size=3 * unit - 1)
    with pytest.raises(InputError, match="run: must have a cloud to draw"):
        cloud_picture(Run(simulate(toy, START, settings, keep_cloud=False)))


def test_sets_larger_than_the_memory(toy, monkeypatch):
    monkeypatch.setattr("mcsgd.simulation.memory_bytes", lambda: 1000)
    settings = Settings(0.05, trajectories=48, design="balanced")
    with pytest.raises(InputError, match="block_size: of 24 trajectories needs 0 GiB with 1 workers"):
        simulate(toy, START, settings, keep_cloud=False, workers=1, block_size=24)


def test_experiment_without_the_cloud(toy, tmp_path):
    tables = {
        "problem": {"kind": "scalar-factorization", "x": [1.0, 0.5], "y": [0.6, 1.0]},
        "start": {"value": [1.2, 0.7]},
        "sgd": {"step_size": 0.01},
        "ensemble": {"trajectories": 1000},
    }
    run = Experiment.from_tables(tables).run(tmp_path / "run.h5", keep_cloud=False)
    verdict = judge(load(tmp_path / "run.h5").cloud, run.flows.values())
    assert json.dumps(verdict.as_dict(), allow_nan=False)
    tables["ensemble"]["trajectories"] = 10**15
    with pytest.raises(InputError, match=r"ensemble\.trajectories: give 14901161 GiB"):
        Experiment.from_tables(tables).run()
