import json
from dataclasses import replace

import numpy as np
import pytest

from mcsgd.comparison import compare, distance_between
from mcsgd.problems import Quadratic
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import default_fields, integrate
from mcsgd.verdict import judge

START = np.array([1.2, 0.7])


def verdict_on(problem, start=START, confidence=0.95, **settings):
    settings = Settings(**settings)
    flows = [integrate(problem, start, settings, field) for field in default_fields(problem, settings)]
    cloud = simulate(problem, start, settings)
    return judge(cloud.finished() if cloud.diverged else cloud, flows, confidence)


def test_says_which_flow_and_which_not(toy):
    """False-alarm rate: 1e-6."""
    verdict = verdict_on(toy, step_size=0.002, trajectories=1000, confidence=1 - 1e-6)
    assert verdict["sgd"].compatible
    assert not verdict["gradient"].compatible
    assert "is compatible with sgd (distance" in str(verdict)
    assert "excludes gradient (distance" in str(verdict)
    assert "second-order is at least" in str(verdict)
    assert "times nearer than gradient" in str(verdict)
    assert list(verdict.trajectories_needed) == [("sgd", "second-order")]


def test_says_what_is_left_when_all_are_excluded(toy):
    verdict = verdict_on(toy, step_size=0.05, trajectories=1000, design="reversed-pairs")
    assert "1000 trajectories (500 pairs) excludes gradient" in str(verdict)
    assert "What is left to second-order is of a higher order" in str(verdict)


def test_says_what_is_left_to_first_order(toy):
    settings = Settings(0.05, trajectories=1000, design="reversed-pairs")
    flows = [integrate(toy, START, settings, field) for field in ("gradient", "sgd")]
    assert "What is left to sgd is of a higher order" in str(judge(simulate(toy, START, settings), flows))


def test_what_is_left_is_said_of_the_sampling_s_own_field_only(toy):
    settings = Settings(0.05, trajectories=1000, design="reversed-pairs")
    flows = [integrate(toy, START, settings, field) for field in ("gradient", "gd")]
    assert "What is left" not in str(judge(simulate(toy, START, settings), flows))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"epochs": 3, "sampling": "shuffle-once"}, "second-order"),
        ({"sampling": "given-order", "order": (2, 0, 3, 1), "momentum": 0.5}, "sgd"),
    ],
)
@pytest.mark.filterwarnings("ignore:field")
def test_what_is_left_is_not_said_where_theory_says_otherwise(toy, settings, field):
    """What these fields leave is of an order that they describe."""
    settings = Settings(0.05, trajectories=20_000, **settings)
    flow = integrate(toy, START, settings, field)
    far = replace(flow, field="gradient", endpoint=flow.endpoint + 1)
    verdict = judge(simulate(toy, START, settings), [far, flow])
    assert verdict[field].compatible is False
    assert "What is left" not in str(verdict)


def test_says_where_the_step_size_is_too_large_to_expand_in(toy):
    settings = Settings(0.05, trajectories=1000, design="reversed-pairs")
    flows = {field: integrate(toy, START, settings, field) for field in default_fields(toy, settings)}
    far = replace(flows["second-order"], endpoint=flows["gradient"].endpoint)
    cloud = simulate(toy, START, settings)
    text = str(judge(cloud, [flows["gradient"], flows["sgd"], far]))
    assert "second-order, of a higher order in the step size, is no nearer than sgd" in text
    assert "What is left" not in text
    assert "no nearer" not in str(judge(cloud, flows.values()))


def wide_and_narrow(shift):
    """A mean of two coordinates, one noisy and one quiet, and a flow that the quiet one is off, in its errors."""
    problem = Quadratic(
        np.eye(2)[None] * np.ones((6, 1, 1)),
        np.transpose([[0, 1, 2, 3, 4, 5], np.multiply(1e-4, [2, 5, 0, 1, 4, 3])]),
    )
    settings = Settings(0.05, trajectories=2000)
    cloud = simulate(problem, START, settings)
    flow = integrate(problem, START, settings, "second-order")
    return cloud, replace(flow, endpoint=cloud.mean + cloud.standard_error * (0.0, shift))


def test_says_in_which_coordinate_the_mean_is_off_where_the_distance_does_not_tell():
    cloud, flow = wide_and_narrow(shift=6.0)
    verdict = judge(cloud, [flow])
    assert verdict["second-order"].compatible
    assert verdict["second-order"].coordinates_off == (1,)
    assert "is compatible in distance with second-order" in str(verdict)
    assert "in coordinate 1 it is off second-order, by 6.0 standard errors: chance keeps all 2" in str(
        verdict
    )
    assert verdict.as_dict()["flows"][0]["coordinates_off"] == [1]
    within, flow = wide_and_narrow(shift=2.0)
    assert "is compatible with second-order" in str(judge(within, [flow]))


def test_coordinates_are_called_off_by_chance_as_seldom_as_said():
    """At confidence 0.5, of 1000 true flows; the false-alarm rate of this test is below 1e-6."""
    alarms = 0
    cloud, flow = wide_and_narrow(shift=0.0)
    rng = np.random.default_rng(0)
    for noise in rng.multivariate_normal(np.zeros(2), cloud.mean_covariance, size=1000):
        true = replace(flow, endpoint=cloud.mean + noise)
        alarms += bool(compare(cloud, true, confidence=0.5).coordinates_off)
    assert 350 < alarms < 580  # 437 are expected of independent coordinates, 500 at most of any


def test_says_how_many_trajectories_would_tell(toy):
    """And so many do tell."""
    small = verdict_on(toy, step_size=0.01, trajectories=8)
    assert small["gd"].compatible
    assert small["sgd"].compatible
    needed = small.trajectories_needed[("gd", "sgd")]
    assert small["gd"].coordinates_off
    assert f"too small to tell gd from sgd by distance: about {needed:.2g} trajectories would do" in str(
        small
    )
    assert 8 < needed < 10_000
    large = verdict_on(toy, step_size=0.01, trajectories=int(needed) * 2)
    assert not large["gd"].compatible


def test_says_that_equal_flows_cannot_be_told_apart():
    """Equal Hessians: C_SGD and C_GD differ by a constant."""
    problem = Quadratic([[[1.0]]] * 3, [[0.0], [1.0], [2.0]])
    verdict = verdict_on(problem, start=[1.5], step_size=0.01, trajectories=100)
    assert np.isinf(verdict.trajectories_needed[("gd", "sgd")])
    assert "gd and sgd end at the same point: no ensemble tells them apart" in str(verdict)


@pytest.mark.parametrize(("trajectories", "design"), [(2, "reversed-pairs"), (24, "balanced")])
def test_one_unit(toy, trajectories, design):
    unit = {"reversed-pairs": "pair", "balanced": "set"}[design]
    verdict = verdict_on(toy, step_size=0.01, trajectories=trajectories, design=design)
    assert str(verdict) == f"One {unit} gives no standard error, so no flow can be excluded: run more."


def test_deterministic(toy):
    verdict = verdict_on(toy, step_size=0.01, trajectories=1, sampling="full-batch")
    assert str(verdict).startswith("The endpoint, the same for all trajectories, excludes gradient")


def test_diverged_are_said_to_be_left_out():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    verdict = verdict_on(
        problem, start=[1.0], step_size=0.5, epochs=2, trajectories=40, sampling="with-replacement"
    )
    assert verdict.left_out > 0
    assert f"{verdict.left_out} of 40 trajectories are left out" in str(verdict)
    assert "left out because they diverged: this is the mean conditional on finishing" in str(verdict)
    assert "The flow gradient has no endpoint: it grew beyond 1e+60" in str(verdict)


@pytest.mark.parametrize("trajectories", [1, 100])
def test_as_dict_is_strict_json(toy, trajectories):
    verdict = verdict_on(toy, step_size=0.01, trajectories=trajectories)
    text = json.dumps(verdict.as_dict(), allow_nan=False)
    assert [flow["field"] for flow in json.loads(text)["flows"]] == ["gradient", "gd", "sgd", "second-order"]


def test_needed_trajectories_are_not_pairs(toy):
    settings = Settings(0.002, trajectories=6, design="reversed-pairs")
    cloud = simulate(toy, START, settings)
    gd, sgd = (integrate(toy, START, settings, field) for field in ("gd", "sgd"))
    endpoints = cloud.mean + 1e3 * (cloud.endpoints - cloud.mean)
    wide = replace(cloud, rows=replace(cloud.rows, endpoints=endpoints))
    needed = judge(wide, [gd, sgd]).trajectories_needed[("gd", "sgd")]
    factor = distance_between(wide, gd.endpoint - sgd.endpoint, gd).units_to_tell(0.95)
    assert needed == pytest.approx(6 * factor)


def test_no_flows(toy):
    assert str(judge(simulate(toy, START, Settings(0.1)), [])) == "There is no flow to compare with."
