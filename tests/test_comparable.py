"""What is refused before anything is compared, simulated or integrated."""

from dataclasses import replace

import pytest

import mcsgd
from mcsgd import theory
from mcsgd.errors import InputError

START = [1.2, 0.7]


@pytest.fixture(scope="module")
def cloud(toy):
    return mcsgd.simulate(toy, START, mcsgd.Settings(0.01, epochs=2, trajectories=10, snapshots=[1]))


@pytest.fixture(scope="module")
def flow(toy, cloud):
    return mcsgd.integrate(toy, START, cloud.settings)


@pytest.mark.parametrize("other", [{"epochs": 3}, {"step_size": 0.02}])
def test_a_flow_of_another_time(toy, cloud, other):
    flow = mcsgd.integrate(toy, START, replace(cloud.settings, **other))
    for call in (
        lambda: mcsgd.compare(cloud, flow),
        lambda: mcsgd.judge(cloud, [flow]),
        lambda: mcsgd.compare_by_epoch(cloud, [flow]),
    ):
        with pytest.raises(
            InputError, match=r"flow: must go as far as the cloud, to time 0\.08, got sgd to time"
        ):
            call()


@pytest.mark.parametrize("more", [{"momentum": 0.5}, {"schedule": "cosine"}, {"substeps": 2}])
def test_a_flow_of_the_same_settings(toy, more):
    settings = mcsgd.Settings(0.01, epochs=3, trajectories=10, snapshots=[1, 2], **more)
    cloud, flow = mcsgd.simulate(toy, START, settings), mcsgd.integrate(toy, START, settings)
    assert mcsgd.compare(cloud, flow).distance > 0
    assert len(mcsgd.compare_by_epoch(cloud, [flow])["sgd"]) == 3


def test_flows_may_be_those_of_a_run(cloud, flow):
    assert str(mcsgd.judge(cloud, {"sgd": flow})) == str(mcsgd.judge(cloud, [flow]))


def test_things_in_the_wrong_place(toy, cloud, flow):
    settings = cloud.settings
    for call, message in (
        (lambda: mcsgd.judge(cloud, flow), "flows: must be a list of flows, got Flow"),
        (lambda: mcsgd.compare(cloud, [flow]), "flow: must be of class Flow, got list"),
        (lambda: mcsgd.compare(flow, cloud), "cloud: must be of class Ensemble, got Flow"),
        (lambda: mcsgd.simulate(toy, settings, START), "settings: must be of class Settings, got list"),
        (lambda: mcsgd.integrate(START, toy, settings), "problem: must be of class Problem, got list"),
        (lambda: mcsgd.exact_mean(toy, START, {}), "settings: must be of class Settings, got dict"),
        (lambda: mcsgd.advise(toy, START, 0.01), "settings: must be of class Settings, got float"),
        (lambda: mcsgd.study(START, toy, settings, {}), "problem: must be of class Problem, got list"),
        (lambda: theory.predicted_covariance(toy, START, 0), "settings: must be of class Settings, got int"),
        (lambda: theory.minima(toy, settings, START), "settings: must be of class Settings, got list"),
        (lambda: theory.stationary_point(START, settings, START, "gd"), "problem: must be of class Problem"),
    ):
        with pytest.raises(InputError, match=f"^{message}"):
            call()
