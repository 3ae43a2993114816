"""Orders of the modified flows over ladders. False-alarm rate of counts over seeds: 1e-6 (fixed seeds)."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from reference import exact_mean, slopes
from scipy import stats

import mcsgd
from mcsgd.errors import McsgdWarning
from mcsgd.ladders.gaps import Gap
from mcsgd.ladders.ladder import Rung, make_ladder, range_warnings
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.theory import integrate, largest_curvature

START = np.array([1.2, 0.7])
STEPS = list(0.01 / 2.0 ** np.arange(5))
THREE = ScalarFactorization([1.0, 0.5, 1.5], [0.6, 1.0, 0.2])


def ladder(problem, start, settings, values=STEPS, vary="step_size", confidence=0.95, **options):
    return mcsgd.study(problem, start, settings, {vary: values}, **options).ladder(confidence)


@pytest.fixture(scope="module")
def one_epoch(toy):
    return ladder(toy, START, Settings(0.01))


@pytest.mark.parametrize(("field", "order"), [("gradient", 2), ("gd", 2), ("sgd", 3), ("second-order", 4)])
def test_orders_of_one_epoch(one_epoch, field, order):
    found = one_epoch[field]
    assert found.slopes[-1] == pytest.approx(order, abs=0.05)
    assert found.order == pytest.approx(order, abs=0.003)
    assert found.order_interval[0] < order < found.order_interval[1]
    assert all(found.used)
    assert set(one_epoch.methods) == {"prefix tree"}


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 1), ("sgd", 2), ("second-order", 3)])
@pytest.mark.parametrize("vary", ["epochs", "step_size"])
def test_orders_at_fixed_time(field, order, vary):
    settings = Settings(0.02, epochs=2)
    values = [2, 4, 6] if vary == "epochs" else [0.02, 0.01, 0.02 / 3]
    found = ladder(THREE, START, settings, values, vary, fields=[field], fixed_time=True)
    np.testing.assert_allclose(found.sizes, [0.02, 0.01, 0.02 / 3])
    assert found.size_name == "step size"
    assert found[field].slopes[-1] == pytest.approx(order, abs=0.06)
    assert found[field].order_interval[0] < order < found[field].order_interval[1]


def test_numbers_are_those_of_the_reference(toy, one_epoch):
    distances = []
    for eps in STEPS:
        end = integrate(toy, START, Settings(eps), "sgd").endpoint
        distances.append(np.linalg.norm(exact_mean(toy, START, eps) - end))
    np.testing.assert_allclose(one_epoch["sgd"].distance, distances, rtol=1e-6)
    np.testing.assert_allclose(one_epoch["sgd"].slopes, slopes(distances), rtol=1e-6)
    wanted = 4 * np.array(STEPS) * largest_curvature(toy, START)
    np.testing.assert_allclose(one_epoch.range_numbers, wanted)


def test_monte_carlo_covers_the_order(toy):
    """Reversed pairs, whose noise is of the order of the distance to the sgd flow: 3."""
    settings, hits, widths = Settings(0.01, trajectories=60, design="reversed-pairs"), 0, []
    for seed in range(80):
        found = ladder(toy, START, replace(settings, seed=seed), STEPS[:4], fields=["sgd"], exact=False)
        low, high = found["sgd"].order_interval
        hits, widths = hits + (low <= 3 <= high), [*widths, high - low]
        assert found["sgd"].slope_errors[-1] > 0
    assert hits >= stats.binom.ppf(1e-6, 80, 0.94)
    assert 1e-4 < np.median(widths) < 0.2


def test_noise_of_slopes_is_as_said(toy):
    """Over seeds, the slopes' own scatter; common random numbers make it far smaller than the distances'."""
    settings = Settings(0.01, trajectories=100)
    found = [
        ladder(toy, START, replace(settings, seed=seed), STEPS[:2], fields=["gd"], exact=False)["gd"]
        for seed in range(60)
    ]
    measured = np.std([one.slopes[0] for one in found], ddof=1)
    said = np.sqrt(np.mean([one.slope_errors[0] ** 2 for one in found]))
    assert said == pytest.approx(measured, rel=4.9 / np.sqrt(2 * 59))
    relative = np.mean([one.standard_error / one.distance for one in found], axis=0)
    assert said < 0.2 * np.hypot(*relative) / np.log(2)


def test_rungs_below_the_noise_are_named_and_left_out(toy):
    found = ladder(toy, START, Settings(0.01, trajectories=200), exact=False)
    sgd, best = found["sgd"], found["second-order"]
    assert found["gradient"].used == (True,) * 5
    assert 1 <= sum(sgd.used) < 5
    assert set(sgd.left_out) == {"", "below two standard errors"}
    for i, used in enumerate(sgd.used):
        assert used == (sgd.distance[i] >= 2 * sgd.standard_error[i])
    assert best.message.startswith("no fit, for ")
    assert (
        "trajectories would be needed, or design reversed-pairs, whose noise is of a higher order"
        in best.message
    )
    assert np.isnan(best.order)
    assert str(found).splitlines()[-1] == f"second-order: {best.message}."


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"design": "reversed-pairs"}, ", or design balanced"),
        ({"design": "balanced", "trajectories": 24}, "the others: one set gives no standard error"),
        ({"sampling": "with-replacement"}, "would be needed"),
        (
            {"trajectories": 1},
            "none of 2 rungs can be used; the others: one trajectory gives no standard error",
        ),
    ],
)
def test_advice(toy, settings, expected):
    settings = Settings(**{"step_size": 1e-3, "trajectories": 4} | settings)
    found = ladder(toy, START, settings, [1e-3, 5e-4], fields=["second-order"], exact=False)
    message = found["second-order"].message
    assert expected in message
    assert message.endswith(expected) or "balanced" in expected
    assert found.as_dict()["fields"][0]["order"] is None


def test_advice_is_enough(toy):
    """So many trajectories as are asked for, taking the next order's flow for the mean, give a fit."""
    settings = Settings(0.01, trajectories=50, seed=1)
    options = {"values": STEPS[:2], "fields": ["sgd", "second-order"], "exact": False}
    message = ladder(toy, START, settings, **options)["sgd"].message
    count = int(float(message.split("about ")[1].split()[0]))
    assert 500 < count < 500_000
    assert not ladder(toy, START, replace(settings, trajectories=2 * count), **options)["sgd"].message


def test_below_the_accuracy_of_flows(toy):
    found = ladder(toy, START, Settings(1e-5), [1e-5, 5e-6], fields=["second-order"])
    assert found["second-order"].message.endswith("below the accuracy of flows: take larger steps")


def test_what_is_left_out_has_a_column_where_something_is():
    distances, sizes = np.array([1.0, 0.25, 0.0625]), np.array([1.0, 0.5, 0.25])
    rungs = rungs_of(distances, sizes, 0.1 * sizes)
    last = replace(rungs[-1], gaps={"gd": replace(rungs[-1].gaps["gd"], left_out="diverged")})
    for chosen, name in ((rungs, "±"), ([*rungs[:-1], last], "left out")):
        (table,) = make_ladder("step_size", "step size", {}, chosen, ["gd"], 0.95).tables()
        assert table.columns[-1] == name
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_warning_names_its_points():
    numbers = np.array([0.1, 0.4, 0.5])
    (text,) = range_warnings(numbers, ["epochs 1", "epochs 2", "epochs 3"])
    assert text.startswith("m eps lambda_max is beyond 0.3 for epochs 2, epochs 3 (up to 0.5): ")
    (text,) = range_warnings(numbers, ["epochs 1", "epochs 2, B 1", "epochs 3, B 1"])
    assert "for epochs 2, B 1; epochs 3, B 1 (up" in text


def test_a_warning_beyond_the_asymptotic_range():
    problem = Quadratic([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    with pytest.warns(McsgdWarning) as caught:
        found = mcsgd.study(problem, [1.0], Settings(0.05), {"step_size": [1.2, 0.2, 0.09]}, ["sgd"])
    np.testing.assert_allclose(found.range_number, [3.6, 0.6, 0.27])
    low, useless = found.warnings
    assert low == (
        "m eps lambda_max is beyond 0.3 for step_size 0.2 (up to 0.6): slopes there are not asymptotic yet, and read low"
    )
    assert useless.startswith("m eps lambda_max is beyond 3 for step_size 1.2 (up to 3.6): no expansion")
    assert [str(warning.message) for warning in caught] == [low, useless]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ladder(problem, [1.0], Settings(0.05), [0.09, 0.05], fields=["sgd"])


def test_what_integrating_warns_of_is_said_once(toy):
    settings = Settings(0.01, sampling="with-replacement")
    with pytest.warns(McsgdWarning, match="field sgd does not belong") as caught:
        found = mcsgd.study(toy, START, settings, {"step_size": STEPS[:3]}, ["sgd"])
    assert len(caught) == len(found.warnings) == 1


def test_momentum_reaches_further_by_one_minus_beta(toy):
    settings = Settings(1e-3, trajectories=20)
    found = ladder(toy, START, settings, [0.0, 0.5], "momentum", fields=["gradient"])
    assert found.range_numbers[1] == pytest.approx(2 * found.range_numbers[0])
    assert found.size_name == "1/(1 - momentum)"


def rungs_of(distances, sizes, rho, error=1e-6):
    gaps = [Gap(d, e * d, 100, np.zeros(1)) for d, e in zip(distances, error + 0 * sizes, strict=True)]
    settings = Settings(0.1)
    return [
        Rung(s, s, r, "Monte Carlo", settings, {"gd": gap})
        for s, r, gap in zip(sizes, rho, gaps, strict=True)
    ]


@pytest.mark.parametrize(
    ("slopes", "rho", "reason"),
    [
        (
            [3.18, 3.64, 3.60, 3.71],
            0.6,
            "(3.18 3.64 3.60 3.71) have not settled: they go up and down. Take smaller",
        ),
        ([5.0, 3.0], 2.0, "(5.00 3.00) have not settled: "),
        (
            [2.0, 2.0, 2.2, 3.3],
            0.0,
            "(2.00 2.00 2.20 3.30) have not settled: 2.00 would be far from the last",
        ),
        ([2.0, 2.0], 5.0, "(2.00 2.00) have not settled: it may be anything. Take smaller"),
    ],
)
@pytest.mark.parametrize("descending", [True, False])
def test_slopes_that_have_not_settled_give_no_order(slopes, rho, reason, descending):
    sizes = 0.5 ** np.arange(len(slopes) + 1)
    distances = np.exp(-np.log(2) * np.cumsum([0, *slopes]))
    error = np.array([1e-6, 1e-6, 1e-5, 1e-4, 1e-3])[: len(sizes)]
    rungs = rungs_of(distances, sizes, rho * sizes, error)[:: 1 if descending else -1]
    (one,) = make_ladder("step_size", "step size", {}, rungs, ["gd"], 0.95).fields
    assert one.message.startswith("no order, for the local slopes ")
    assert reason in one.message
    assert np.isnan(one.order)
    np.testing.assert_allclose(one.slopes, slopes if descending else slopes[::-1])


@pytest.mark.parametrize(("drift", "error"), [(0.01, 1e-6), (0.1, 0.1)])
def test_slopes_that_turn_back_a_little_or_by_their_noise_do(drift, error):
    sizes = 0.5 ** np.arange(5)
    distances = np.exp(-np.log(2) * np.cumsum([0, *(2 + drift * np.array([1, -1, 1, -1]))]))
    rungs = rungs_of(distances, sizes, 0.1 * sizes, error)
    (one,) = make_ladder("step_size", "step size", {}, rungs, ["gd"], 0.95).fields
    assert not one.message
    assert one.order == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize(
    ("rho", "message"), [(0.05, ""), (5.0, "(none between neighbours) have not settled")]
)
def test_rungs_that_are_no_neighbours_have_an_order_and_no_slopes(rho, message):
    sizes = 0.5 ** np.arange(3)
    rungs = rungs_of(sizes**2, sizes, rho * sizes)
    rungs[1] = replace(rungs[1], gaps={"gd": replace(rungs[1].gaps["gd"], left_out="noise")})
    (one,) = make_ladder("step_size", "step size", {}, rungs, ["gd"], 0.95).fields
    assert np.isnan(one.slopes).all()
    assert message in one.message
    assert message or one.order == pytest.approx(2, abs=1e-3)
