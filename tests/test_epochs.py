from dataclasses import replace

import numpy as np
import pytest

from mcsgd import epochs
from mcsgd.comparison import compare
from mcsgd.epochs import compare_by_epoch
from mcsgd.errors import DivergedError, InputError
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage import load
from mcsgd.theory import integrate

START = [1.2, 0.7]
WAYS = {
    "independent": {},
    "pairs": {"design": "reversed-pairs"},
    "sets": {"design": "balanced"},
    "replacement": {"sampling": "with-replacement"},
    "one order": {"sampling": "shuffle-once"},
    "one trajectory": {"sampling": "full-batch", "trajectories": 1},
    "schedule": {"schedule": [1.0, 0.5, 0.25, 0.1]},
}


def ensemble(problem, path=None, **settings):
    values = {"step_size": 0.02, "epochs": 4, "trajectories": 480, "snapshots": [1, 3, 4]} | settings
    return simulate(problem, START, Settings(**values), path)


def shorter(settings, done):
    """The settings of the first epochs alone."""
    schedule = settings.schedule if isinstance(settings.schedule, str) else settings.schedule[:done]
    return replace(settings, epochs=done, schedule=schedule, snapshots=())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("from_file", [False, True])
def test_as_if_the_run_had_ended_there(toy, way, from_file, tmp_path):
    """Trajectories are the same in shorter runs; flows agree to the accuracy of their paths."""
    path = tmp_path / "run.h5" if from_file else None
    cloud = ensemble(toy, path, **WAYS[way])
    cloud = load(path).cloud if from_file else cloud
    fields = ("gradient", "gd")
    flows = [integrate(toy, START, cloud.settings, field) for field in fields]
    found = compare_by_epoch(cloud, flows)
    assert {field: list(by_epoch) for field, by_epoch in found.items()} == {
        field: [1, 3, 4] for field in fields
    }
    for field in fields:
        for done, comparison in found[field].items():
            settings = shorter(cloud.settings, done)
            short = simulate(toy, START, settings)
            expected = compare(short, integrate(toy, START, settings, field))
            assert comparison.distance == pytest.approx(expected.distance, rel=1e-6)
            assert comparison.units == expected.units
            if not cloud.deterministic:
                errors = comparison.standard_error, expected.standard_error
                np.testing.assert_allclose(*errors, rtol=1e-6, atol=1.2e-9)  # the accuracy of the path


def test_the_last_epoch_is_the_comparison_of_the_endpoints(toy):
    """Of the corrected ones, where there are any; snapshots are not corrected, and their errors larger."""
    cloud = ensemble(toy, design="control-variate")
    flow = integrate(toy, START, cloud.settings, "sgd")
    found, expected = compare_by_epoch(cloud, [flow])["sgd"], compare(cloud, flow)
    assert found[4].distance == expected.distance
    assert found[4].distance_interval == expected.distance_interval
    assert found[3].standard_error.max() > 5 * found[4].standard_error.max()


def test_the_accuracy_of_a_path_is_in_the_standard_error(toy):
    """1e-9 of the largest coordinate before the last epoch, and 1e-12 there."""
    cloud = ensemble(toy, sampling="full-batch", trajectories=1)
    found = compare_by_epoch(cloud, [integrate(toy, START, cloud.settings, "gd")])["gd"]
    scale = max(START)
    errors = [c.distance_standard_error * np.sqrt(2) for c in found.values()]
    np.testing.assert_allclose(errors, [1e-9 * scale, 1e-9 * scale, 1e-12 * scale])


def test_few_epochs_at_once_are_the_same(toy, monkeypatch):
    cloud = ensemble(toy)
    flow = integrate(toy, START, cloud.settings, "sgd")
    whole = compare_by_epoch(cloud, [flow])["sgd"]
    monkeypatch.setattr(epochs, "AT_ONCE", 1)
    parts = compare_by_epoch(cloud, [flow])["sgd"]
    assert [c.p_value for c in whole.values()] == [c.p_value for c in parts.values()]


def test_some_epochs(toy):
    cloud = ensemble(toy)
    flow = integrate(toy, START, cloud.settings, "sgd")
    assert list(compare_by_epoch(cloud, [flow], epochs=[3])["sgd"]) == [3]
    with pytest.raises(InputError, match=r"epochs: must be among .*, \[1, 3, 4\]; got \[2\]"):
        compare_by_epoch(cloud, [flow], epochs=[2])
    with pytest.raises(InputError, match=r"epochs\[1\]: must be >= 1, got 0"):
        compare_by_epoch(cloud, [flow], epochs=[1, 0])
    with pytest.raises(InputError, match="confidence"):
        compare_by_epoch(cloud, [flow], confidence=1.0)


def test_without_snapshots_the_last_epoch_alone(toy):
    cloud = ensemble(toy, snapshots=[])
    assert list(compare_by_epoch(cloud, [integrate(toy, START, cloud.settings, "sgd")])["sgd"]) == [4]


def test_nothing_is_interpolated():
    """Of more than 10 000 epochs a path has not the ends of all."""
    toy = ScalarFactorization([1.0], [0.6])
    cloud = ensemble(toy, epochs=15_000, snapshots=[1, 3, 4], trajectories=1, step_size=1e-4)
    found = compare_by_epoch(cloud, [integrate(toy, START, cloud.settings, "gradient")])["gradient"]
    assert list(found) == [3, 15_000]


def test_a_flow_that_ends_early(toy):
    """It is compared with as far as it goes."""
    cloud = ensemble(toy)
    flow = integrate(toy, START, cloud.settings, "sgd")
    stop = len(flow.time) * 4 // 5
    ended = replace(
        flow, time=flow.time[:stop], path=flow.path[:stop], endpoint=np.full(2, np.nan), message="grew"
    )
    assert list(compare_by_epoch(cloud, [ended])["sgd"]) == [1, 3]


def test_diverged_trajectories_are_left_out_of_all_epochs():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    values = {"sampling": "with-replacement", "epochs": 2, "snapshots": [1], "trajectories": 400}
    cloud = simulate(problem, [1.0], Settings(0.5, **values))
    flow = integrate(Quadratic([[[1.0]]] * 3, [[0.0], [1.0], [2.0]]), [1.0], cloud.settings, "gradient")
    with pytest.raises(DivergedError):
        compare_by_epoch(cloud, [flow])
    finished = cloud.finished()
    found = compare_by_epoch(finished, [flow])["gradient"]
    mean = flow.path[np.isclose(flow.time, 1.5)][0] + found[1].difference
    np.testing.assert_allclose(mean, cloud.snapshots[cloud.status == 0, 0].mean(axis=0))
    assert found[1].units == found[2].units == finished.count < 400
