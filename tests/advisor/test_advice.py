"""What is advised, and that it comes true."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mcsgd.advisor.advice import advise
from mcsgd.errors import DivergedError, InputError
from mcsgd.problems import LogisticRegression, Quadratic, ScalarFactorization
from mcsgd.schemes import DESIGNS
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate

ALARM = 1e-6
START = np.array([0.5, 0.3, -0.8])
PAIRS, SETS, CORRECTED = "reversed-pairs", "balanced", "control-variate"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """No time is spent on measuring the speed."""
    monkeypatch.setattr("mcsgd.advisor.pilots.BURST", 0.0)


@pytest.fixture(scope="module")
def logistic():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(24, 3))
    y = X @ [1, -2, 0.5] + rng.normal(size=24) > 0
    return LogisticRegression(X, y.astype(float), batch_size=3)


def by_design(*arguments, **options):
    return {advice.design: advice for advice in advise(*arguments, **options)}


@pytest.mark.parametrize(
    ("settings", "design", "standard_errors", "pilot"),
    [
        (Settings(0.1), "independent", 5, 1000),
        (Settings(0.1), CORRECTED, 30, 1000),
        (Settings(0.1), PAIRS, 50, 1000),
        (Settings(0.1), SETS, 50_000, 336 * 60),
        (Settings(0.05, 2), "independent", 5, 1000),
        (Settings(0.05, 2), PAIRS, 50, 1000),
        (Settings(0.05, 2, sampling="reshuffle-examples"), CORRECTED, 30, 1000),
        (Settings(0.05, sampling="with-replacement"), "independent", 0.5, 1000),
    ],
)
def test_the_advised_number_gives_the_standard_errors(logistic, settings, design, standard_errors, pilot):
    """Within the errors of both estimates of the variance, by Fisher's F; and so is the mean itself."""
    fields = ("gd" if settings.sampling == "with-replacement" else "sgd", "second-order")
    advice = by_design(logistic, START, settings, fields, standard_errors, pilot)[design]
    units = advice.trajectories // advice.trajectories_per_unit
    assert units > 40
    cloud = simulate(
        logistic, START, replace(settings, design=design, trajectories=advice.trajectories, seed=1)
    )
    one, other = (integrate(logistic, START, settings, field).endpoint for field in fields)
    u = (other - one) / np.linalg.norm(other - one)
    error = np.sqrt(u @ cloud.mean_covariance @ u)
    low, high = np.sqrt(stats.f.ppf([ALARM / 2, 1 - ALARM / 2], advice.pilot_units - 1, units - 1))
    slack = np.sqrt(units / (units - 1))  # whole units
    assert low < np.linalg.norm(other - one) / error / standard_errors < high * slack
    if design != SETS:  # which see what second-order leaves out
        lower, upper = stats.norm.ppf([ALARM / 2, 1 - ALARM / 2])
        assert lower < (u @ (cloud.mean - one)) / error - standard_errors < upper + 0.3 * standard_errors


def test_std_against_numpy(logistic):
    """Of the means of units, along the difference, in a pilot of another seed than the run's."""
    settings = Settings(0.05, 2, seed=3, paths=1, snapshots=(1,))
    found = by_design(logistic, START, settings, ("gradient", "sgd"), pilot=500)
    one, other = (integrate(logistic, START, settings, field).endpoint for field in ("gradient", "sgd"))
    for design, per_unit, units in [("independent", 1, 500), (PAIRS, 2, 250), (CORRECTED, 1, 500)]:
        pilot = Settings(0.05, 2, trajectories=500, design=design, seed=2**63 - 4)
        cloud = simulate(logistic, START, pilot)
        ends = cloud.endpoints if cloud.corrected is None else cloud.corrected
        along = (ends - START) @ (other - one) / np.linalg.norm(other - one)
        advice = found[design]
        assert advice.std == pytest.approx(along.reshape(-1, per_unit).mean(axis=1).std(ddof=1), rel=1e-6)
        assert (advice.trajectories_per_unit, advice.pilot_units) == (per_unit, units)
        assert advice.effect == pytest.approx(np.linalg.norm(other - one), rel=1e-12)
        assert advice.fields == ("gradient", "sgd")
        expected = max(np.ceil((5 * advice.std / advice.effect) ** 2), 8) * per_unit
        assert advice.trajectories == expected


def test_a_distance_is_taken_in_the_direction_of_most_noise(logistic):
    advice = by_design(logistic, START, Settings(0.1), 1e-4)["independent"]
    cloud = simulate(logistic, START, Settings(0.1, trajectories=1000, seed=2**63 - 1))
    largest = np.linalg.svd(cloud.endpoints - cloud.endpoints.mean(axis=0))[1][0]
    assert advice.std == pytest.approx(largest / np.sqrt(999), rel=1e-9)
    assert (advice.effect, advice.fields) == (1e-4, None)


def test_one_design_is_cheapest(logistic):
    found = by_design(logistic, START, Settings(0.1, paths=12), ("sgd", "second-order"), pilot=300)
    assert list(found) == list(DESIGNS)
    (cheapest,) = [advice for advice in found.values() if advice.cheapest]
    told = [advice for advice in found.values() if advice.seconds is not None]
    assert {advice.design for advice in told} == {"independent", PAIRS, CORRECTED}  # also with many paths
    assert cheapest.seconds == min(advice.seconds for advice in told) > 0


@pytest.mark.parametrize(
    ("sampling", "fields"), [("random-order", ("gradient", "sgd")), ("with-replacement", ("gradient", "gd"))]
)
def test_by_default_the_own_field_of_the_sampling(toy, sampling, fields):
    found = advise(toy, [1.2, 0.7], Settings(0.01, sampling=sampling), pilot=50)
    assert {advice.fields for advice in found} == {fields}


def test_sets_are_not_piloted_where_others_need_less(logistic):
    sets = by_design(logistic, START, Settings(0.1), ("gradient", "sgd"), pilot=300)[SETS]
    assert sets.reason.startswith(
        "not piloted: its smallest run, of 8 units or 2688 trajectories, is no smaller"
    )
    assert (sets.trajectories_per_unit, sets.pilot_units, sets.std, sets.trajectories) == (336, 0, None, None)
    for options in ({"pilot": 2688}, {"effect": 1e-5, "pilot": 300}):
        sets = by_design(logistic, START, Settings(0.1), **options)[SETS]
        assert (sets.reason, sets.pilot_units, sets.trajectories) == ("", 8, 2688)


# What does not apply is listed with the reason ----------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"sampling": "with-replacement"},
            {SETS: "balanced needs fixed", CORRECTED: "control-variate needs sampling"},
        ),
        ({"sampling": "reshuffle-examples"}, {SETS: "balanced needs fixed batches"}),
        ({"momentum": 0.5}, {CORRECTED: "control-variate is for plain SGD"}),
    ],
)
def test_designs_that_do_not_apply(toy, settings, expected):
    found = by_design(toy, [1.2, 0.7], Settings(0.01, **settings), effect=1e-3, pilot=50)
    for design, advice in found.items():
        if design in expected:
            assert advice.reason.startswith(expected[design])
            assert (advice.trajectories, advice.seconds, advice.cheapest) == (None, None, False)
        else:
            assert (advice.reason, advice.trajectories >= 8) == ("", True)


def test_too_many_batches_for_a_set():
    problem = ScalarFactorization(np.linspace(0.5, 1.5, 103), np.ones(103))
    found = by_design(problem, [1.0, 0.5], Settings(0.001), pilot=20)
    assert found[SETS].reason == "balanced is for at most 102 batches, and the problem has 103"


@pytest.mark.parametrize("sampling", ["full-batch", "given-order", "one batch"])
def test_where_all_trajectories_are_the_same_one_is_enough(toy, sampling):
    order = (2, 0, 3, 1) if sampling == "given-order" else ()
    problem = toy.with_batch_size(4) if sampling == "one batch" else toy
    settings = Settings(0.01) if sampling == "one batch" else Settings(0.01, sampling=sampling, order=order)
    found = by_design(problem, [1.2, 0.7], settings)
    one = found.pop("independent")
    assert (one.trajectories, one.std, one.cheapest) == (1, 0.0, True)
    assert all(advice.reason and advice.trajectories is None for advice in found.values())


def test_pilots_that_diverge():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    found = advise(problem, [1.0], Settings(0.5, epochs=2), effect=0.1, pilot=20)
    reasons = {advice.design: advice.reason for advice in found}
    assert reasons["independent"].startswith("20 of 20 trajectories diverged: the mean over all orders does")
    assert reasons[CORRECTED].startswith("the flow to take the noise along grew beyond")
    assert not any(advice.cheapest for advice in found)


def test_numbers_that_cannot_be_run(toy):
    found = by_design(toy, [1.2, 0.7], Settings(0.01, 2), effect=1e-10, standard_errors=1e9, pilot=50)
    assert {advice.reason for advice in found.values()} == {
        "needs more trajectories than there can be, 9.2e+18"
    }
    assert all(advice.std > 0 and advice.std_interval for advice in found.values())
    for advice in advise(toy, [1.2, 0.7], Settings(0.01), effect=5e-12, pilot=50):
        assert advice.reason == "resolves no distance below 6e-12, for flows are integrated to 1e-12"


def test_clouds_need_not_be_kept(toy, monkeypatch):
    monkeypatch.setattr("mcsgd.settings.memory_bytes", lambda: 1e6)
    found = by_design(toy, [1.2, 0.7], Settings(0.01), effect=1e-8, pilot=50)
    assert found[CORRECTED].trajectories > 1e5
    assert found["independent"].trajectories > 1e8


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"effect": 0}, "effect: must be > 0, got 0"),
        ({"effect": np.nan}, "effect: must be a finite number"),
        ({"effect": "sgd"}, "effect: must be two fields or a distance, got 'sgd'"),
        ({"effect": ("sgd",)}, "effect: must be two fields or a distance"),
        ({"effect": ("sgd", "sdg")}, "effect: must be one of gradient, .* did you mean sgd?"),
        ({"effect": ("gd", "gd")}, "effect: must be two fields that end apart; gd and gd do not"),
        ({"standard_errors": 0}, "standard_errors: must be > 0, got 0"),
        ({"pilot": 1}, "pilot: must be >= 2, got 1"),
        ({"workers": 0}, "workers: must be >= 1, got 0"),
        ({"start": [1.0]}, "start: must be one number for each parameter"),
        ({"settings": Settings(0.1, sampling="given-order", order=(0, 1))}, "order: must hold each of the 4"),
    ],
)
def test_wrong_arguments(toy, options, expected):
    with pytest.raises(InputError, match=f"^{expected}"):
        advise(**{"problem": toy, "start": [1.2, 0.7], "settings": Settings(0.01), **options})


def test_a_flow_without_an_endpoint():
    problem = Quadratic([np.diag([1.0, 1e4])] * 2, [[0.0, 0.0]] * 2)
    with pytest.raises(DivergedError, match="the flow gradient has no endpoint: it grew beyond"):
        advise(problem, [1.0, 1.0], Settings(1000.0))
