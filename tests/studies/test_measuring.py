"""What a study measures is what `simulate`, `exact_mean` and `integrate` give, point by point."""

import numpy as np
import pytest
from same import assert_same

import mcsgd
from mcsgd.errors import InputError, McsgdWarning
from mcsgd.problems import Quadratic
from mcsgd.settings import Settings
from mcsgd.stopping import StopRules

START = np.array([1.2, 0.7])
SETTINGS = Settings(0.01, trajectories=200)
VARY = {"step_size": [0.01, 0.005], "sampling": ["random-order", "with-replacement"]}


@pytest.fixture(scope="module")
def found(toy):
    return mcsgd.study(toy, START, SETTINGS, VARY, exact=False)


def test_means_and_distances_of_every_point(toy, found):
    assert found.shape == found.count.shape == found.flow_time.shape == (2, 2)
    assert found.fields == ("gradient", "gd", "sgd", "second-order")
    for i, step_size in enumerate(VARY["step_size"]):
        for j, sampling in enumerate(VARY["sampling"]):
            settings = Settings(step_size, trajectories=200, sampling=sampling)
            cloud = mcsgd.simulate(toy, START, settings)
            assert_same(found.mean[i, j], cloud.mean)
            assert_same(found.standard_error[i, j], cloud.standard_error)
            fields = mcsgd.theory.default_fields(toy, settings)
            for k, field in enumerate(found.fields):
                if field not in fields:
                    assert np.isnan(found.distance[i, j, k])
                    assert np.isnan(found.flow_endpoint[i, j, k]).all()
                    continue
                flow = mcsgd.integrate(toy, START, settings, field)
                assert_same(found.flow_endpoint[i, j, k], flow.endpoint)
                gap = found.points[2 * i + j].gaps[field]
                assert (found.distance[i, j, k], found.distance_standard_error[i, j, k]) == (
                    gap.distance,
                    gap.standard_error,
                )


def test_exact_where_it_can_be(toy):
    study = mcsgd.study(toy, START, Settings(0.01, trajectories=10), {"epochs": [1, 9]}, ["gradient"])
    assert [point.method for point in study.points] == ["prefix tree", "Monte Carlo"]
    assert study.count.tolist() == [0, 10]
    assert_same(study.mean[0], mcsgd.exact_mean(toy, START, Settings(0.01)).mean)
    assert study.standard_error[0].tolist() == [0, 0]
    assert study.points[0].gaps["gradient"].standard_error == pytest.approx(
        1e-12 * 1.2 / np.sqrt(2), rel=0.01
    )
    with pytest.raises(InputError, match=r"max_steps: .*, at epochs 9"):
        mcsgd.study(toy, START, Settings(0.01), {"epochs": [1, 9]}, exact=True, progress=never)


def never(done, total):
    raise AssertionError("something was computed")


def test_a_control_variate_needs_no_cloud(toy):
    settings = Settings(0.01, trajectories=200, design="control-variate")
    study = mcsgd.study(toy, START, settings, {"step_size": [0.01, 0.005]}, exact=False)
    cloud = mcsgd.simulate(toy, START, settings)
    assert_same(study.mean[0], cloud.mean)
    assert_same(study.standard_error[0], cloud.standard_error)


def test_several_starts(toy):
    starts = np.array([[1.2, 0.7], [0.5, -0.3], [1.0, 1.0]])
    study = mcsgd.study(toy, starts, SETTINGS, {"step_size": [0.01, 0.005]}, ["gd"], exact=False)
    assert [axis.name for axis in study.axes] == ["step_size", "start_index"]
    cloud = mcsgd.simulate(toy, starts[1], SETTINGS)
    assert_same(study.mean[0, 1], cloud.mean)
    ladders = study.ladders()
    assert [ladder.where for ladder in ladders] == [{"start_index": i} for i in range(3)]


def test_ladders_of_a_grid(toy, found):
    """Each is the ladder of a study of its own."""
    assert found.ladder_axes == ("step_size",)
    for ladder in found.ladders():
        settings = Settings(0.01, trajectories=200, **ladder.where)
        alone = mcsgd.study(toy, START, settings, {"step_size": [0.01, 0.005]}, exact=False)
        expected = alone.ladder().as_dict() | {"where": dict(ladder.where)}
        assert ladder.as_dict() == expected
    assert found.ladder(sampling="with-replacement").as_dict() == found.ladders()[1].as_dict()


def test_ladders_along_another_axis(toy):
    vary = {"step_size": [0.01, 0.005], "epochs": [1, 2, 3]}
    study = mcsgd.study(toy, START, SETTINGS, vary, ["gradient"], exact=False)
    assert study.ladder_axes == ("step_size", "epochs")
    ladder = study.ladder(along="epochs", step_size=0.005)
    assert (ladder.size_name, ladder.values.tolist(), ladder.where) == (
        "epochs",
        [1, 2, 3],
        {"step_size": 0.005},
    )
    assert ladder["gradient"].distance.tolist() == study.distance[1, :, 0].tolist()
    assert len(study.ladders(along="epochs")) == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "sampling: must be one of random-order, with-replacement; got None"),
        (
            {"sampling": "full-batch"},
            "sampling: must be one of random-order, with-replacement; got 'full-batch'",
        ),
        (
            {"sampling": "random-order", "epochs": 1},
            "epochs: is not an axis beside step_size; these are: sampling",
        ),
        ({"sampling": "random-order", "confidence": 1}, "confidence: must be <= 1"),
        ({"along": "sampling"}, "along: must be one of step_size; got 'sampling'"),
    ],
)
def test_ladders_that_are_not_there(found, options, expected):
    with pytest.raises(InputError) as caught:
        found.ladder(**options)
    assert expected in str(caught.value)


def test_a_study_without_a_size_has_no_ladder(toy):
    study = mcsgd.study(toy, START, SETTINGS, {"sampling": ["random-order", "full-batch"]}, ["gd"])
    assert study.ladders() == []
    assert str(study).startswith("Distance of the mean endpoint to each flow\nsampling ")
    with pytest.raises(InputError, match="along: needs an axis with a size, got sampling"):
        study.ladder()


def test_diverged_points_are_nan():
    problem = Quadratic([[[-1e100]], [[1.0]]], [[0.0], [1.0]])
    settings = Settings(0.5, trajectories=4)
    with pytest.warns(McsgdWarning, match="orders mean nothing"):
        study = mcsgd.study(problem, [1.0], settings, {"step_size": [0.5, 1e-101]}, ["gradient"], exact=False)
    assert study.diverged.tolist() == [4, 0]
    assert np.isnan(study.mean[0]).all()
    assert np.isnan(study.standard_error[0]).all()
    assert np.isfinite(study.mean[1]).all()
    assert study.points[0].gaps["gradient"].left_out == "4 of 4 trajectories diverged"


def test_same_for_any_number_of_workers_and_shows_progress(toy):
    found, totals = [], set()
    for workers in (1, 2):
        seen = []
        options = {"exact": False, "workers": workers, "progress": lambda *done, seen=seen: seen.append(done)}
        found.append(mcsgd.study(toy, START, SETTINGS, VARY, **options).as_dict())
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert seen[-1][0] == seen[-1][1]
        totals |= {total for _, total in seen}
    assert found[0] == found[1]
    assert len(totals) == 1


def test_progress_is_weighted_by_work(toy):
    seen = []
    vary = {"epochs": [1, 4]}
    mcsgd.study(
        toy, START, SETTINGS, vary, exact=False, progress=lambda done, total: seen.append(done / total)
    )
    assert any(share == pytest.approx(0.2, abs=1e-6) for share in seen)


def test_everything_wrong_is_said_at_once(toy):
    rules = StopRules(standard_error=1.0)
    with pytest.raises(InputError) as caught:
        mcsgd.study(
            toy, [1.0], Settings(0.1), {"step_size": [1, -1]}, ["sdg"], exact="yes", workers=0, stop=rules
        )
    names = [issue.argument for issue in caught.value.issues]
    assert names == ["start", "fields[0]", "exact", "workers", "stop", "stop"]


def test_a_study_says_what_it_is(found):
    assert repr(found) == "Study(step_size (2) x sampling (2); fields gradient, gd, sgd, second-order)"
    lines = str(found).splitlines()
    assert (lines[0], lines[5]) == ("sampling random-order:", "sampling with-replacement:")
