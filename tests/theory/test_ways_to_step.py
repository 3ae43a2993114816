"""Orders of the fields with substeps, momentum, Adam and schedules, as slopes when the step is halved."""

from itertools import permutations

import numpy as np
import pytest
from reference import slopes
from scipy.integrate import solve_ivp

from mcsgd.errors import InputError, McsgdWarning
from mcsgd.problems import LogisticRegression, Penalized, Quadratic, ScalarFactorization, TanhNetwork
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate, vector_field
from mcsgd.theory.fields import build_field, default_fields
from mcsgd.theory.momentum import order_coefficient

rng = np.random.default_rng(3)
X, LABELS = rng.normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0])
EXPANDABLE = {
    "toy": (ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9]), np.array([1.2, 0.7])),
    "logistic": (LogisticRegression(X, LABELS, 2, 0.1), np.array([0.5, -1.0, 0.3])),
    "network": (TanhNetwork(X, rng.normal(size=(6, 1)), 2, hidden=2), rng.normal(size=11) * 0.6),
}
DETERMINISTIC = {"sampling": "full-batch", "trajectories": 1}


@pytest.fixture(params=EXPANDABLE)
def case(request):
    return EXPANDABLE[request.param]


def gap(problem, start, settings, field, end):
    return np.linalg.norm(end - integrate(problem, start, settings, field).endpoint)


# Substeps -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "order"), [("gradient", 2), ("gd", 2), ("sgd", 3)])
def test_substeps(case, field, order):
    problem, start = case

    def error(eps):
        settings = Settings(eps, substeps=3)
        ends = []
        for visits in permutations(range(problem.batches)):
            w = start
            for k in np.repeat(visits, 3):
                w = w - eps / 3 * problem.gradient(w, k)
            ends.append(w - start)
        return gap(problem, start, settings, field, start + np.mean(ends, axis=0))

    found = slopes([error(eps) for eps in 0.03 / 2.0 ** np.arange(4)])[-1]
    if field == "sgd":
        assert found == pytest.approx(order, abs=0.15)
    else:
        assert found < 2.3


@pytest.mark.parametrize("batch_size", [2, 3])
def test_substeps_of_reshuffled_examples(batch_size):
    """Also where the last batch is smaller, and its steps are as long."""
    problem, start = ScalarFactorization(X[:5, 0], X[:5, 1] + 0.5, batch_size), np.array([1.2, 0.7])

    def error(eps):
        ends = []
        for rows in permutations(range(5)):
            w = start
            for first in range(0, 5, batch_size):
                for _ in range(2):
                    w = w - eps / 2 * problem.gradient(w, np.array(rows[first : first + batch_size]))
            ends.append(w - start)
        settings = Settings(eps, substeps=2, sampling="reshuffle-examples")
        return gap(problem, start, settings, "sgd", start + np.mean(ends, axis=0))

    assert slopes([error(eps) for eps in 0.008 / 2.0 ** np.arange(4)])[-1] == pytest.approx(3, abs=0.1)


def test_substeps_of_a_given_order(case):
    problem, start = case
    order = tuple(range(problem.batches))[::-1]

    def error(eps):
        settings = Settings(eps, substeps=2, sampling="given-order", order=order, trajectories=1)
        return gap(problem, start, settings, "sgd", simulate(problem, start, settings).mean)

    assert slopes([error(eps) for eps in 0.02 / 2.0 ** np.arange(4)])[-1] == pytest.approx(3, abs=0.1)


# Momentum -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 2)])
def test_momentum_of_gradient_descent_at_fixed_time(case, field, order):
    problem, start = case

    def error(epochs):
        settings = Settings(1.0 / epochs, epochs=epochs, momentum=0.6, **DETERMINISTIC)
        return gap(problem, start, settings, field, simulate(problem, start, settings).mean)

    assert slopes([error(epochs) for epochs in (100, 200, 400, 800)])[-1] == pytest.approx(order, abs=0.06)


def test_momentum_needs_the_shift_of_the_start(case):
    problem, start = case

    def error(epochs):
        settings = Settings(1.0 / epochs, epochs=epochs, momentum=0.6, **DETERMINISTIC)
        field = build_field(problem, settings, "gd")
        flow = solve_ivp(lambda _, w: field(w), (0, 1), start, "DOP853", rtol=1e-12, atol=1e-14)
        return np.linalg.norm(simulate(problem, start, settings).mean - flow.y[:, -1])

    assert slopes([error(epochs) for epochs in (1600, 3200, 6400)])[-1] == pytest.approx(1, abs=0.1)


def momentum_map(problem, h, beta, order):
    """One epoch over quadratic batches as a matrix: every step is an affine map of (w, v)."""
    d = problem.parameters
    whole = np.eye(2 * d + 1)
    for k in order:
        H = np.array([problem.hessian_vector(np.zeros(d), e, k) for e in np.eye(d)])
        velocity = np.hstack([-h * H, beta * np.eye(d), -h * problem.gradient(np.zeros(d), k)[:, None]])
        step = np.eye(2 * d + 1)
        step[d : 2 * d] = velocity
        step[:d] = step[:d] + velocity
        step[:d, d : 2 * d] = beta * np.eye(d)
        whole = step @ whole
    return whole


def mean_after(maps, start, epochs):
    """The exact mean after epochs with one of the maps each, independent and equally likely."""
    d = start.size
    whole = np.linalg.matrix_power(np.mean(maps, axis=0), epochs)
    return (whole @ np.concatenate([start, np.zeros(d), [1.0]]))[:d]


@pytest.fixture(scope="module")
def quadratic():
    A = np.random.default_rng(5).normal(size=(4, 2, 2))
    return Quadratic(A @ A.transpose(0, 2, 1), np.random.default_rng(6).normal(size=(4, 2)))


@pytest.mark.parametrize("beta", [0.3, 0.7])
@pytest.mark.parametrize(("field", "order"), [("gd", 1), ("sgd", 2)])
def test_momentum_in_random_order_at_fixed_time(quadratic, beta, field, order):
    start = np.array([1.2, 0.7])

    def error(epochs):
        settings = Settings(0.2 / epochs, epochs=epochs, momentum=beta)
        orders = permutations(range(4))
        maps = [momentum_map(quadratic, settings.step_size, beta, order) for order in orders]
        return gap(quadratic, start, settings, field, mean_after(maps, start, epochs))

    assert slopes([error(epochs) for epochs in (64, 128, 256)])[-1] == pytest.approx(order, abs=0.1)


def test_momentum_of_reshuffled_examples_at_fixed_time(quadratic):
    start, (H, c) = np.array([1.2, 0.7]), quadratic.data
    halves = [Quadratic(H[list(p)], c[list(p)], 2) for p in permutations(range(4))]

    def error(epochs):
        settings = Settings(0.2 / epochs, epochs=epochs, momentum=0.6, sampling="reshuffle-examples")
        maps = [momentum_map(half, settings.step_size, 0.6, (0, 1)) for half in halves]
        return gap(halves[0], start, settings, "sgd", mean_after(maps, start, epochs))

    assert slopes([error(epochs) for epochs in (64, 128, 256)])[-1] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("m", [2, 3, 8])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_order_coefficient(m, beta):
    pairs = [(1 - beta ** (j - i)) / (1 - beta) for j in range(m) for i in range(j)]
    assert order_coefficient(beta, m) == pytest.approx(sum(pairs) / (m * (m - 1)), rel=1e-14)
    assert order_coefficient(0.0, m) == 0.5


def test_without_momentum_the_fields_are_the_plain_ones(case):
    problem, start = case
    tiny, plain = Settings(0.1, momentum=1e-300), Settings(0.1)
    for field in ("gradient", "gd", "sgd"):
        expected = vector_field(problem, plain, field)(start)
        np.testing.assert_allclose(
            vector_field(problem, tiny, field)(start), expected, rtol=1e-12, atol=1e-15
        )


# Adam ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 2)])
def test_adam_at_fixed_time(case, field, order):
    problem, start = case

    def error(epochs):
        betas = {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.05}
        settings = Settings(0.4 / epochs, epochs=epochs, optimizer="adam", **betas, **DETERMINISTIC)
        return gap(problem, start, settings, field, simulate(problem, start, settings).mean)

    assert slopes([error(epochs) for epochs in (800, 1600, 3200)])[-1] == pytest.approx(order, abs=0.1)


# Schedules ----------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["cosine", [1.0, 0.3, 2.0, 0.5]])
@pytest.mark.parametrize(("field", "order"), [("gradient", 2), ("gd", 3), ("second-order", 4)])
def test_schedules_over_a_few_epochs(case, schedule, field, order):
    problem, start = case

    def error(eps):
        settings = Settings(eps, epochs=4, schedule=schedule, **DETERMINISTIC)
        flow = integrate(problem, start, settings, field)
        assert flow.time[-1] == pytest.approx(settings.flow_time(problem), rel=1e-13)
        assert len(flow.time) == 101
        return np.linalg.norm(simulate(problem, start, settings).mean - flow.endpoint)

    assert slopes([error(eps) for eps in (0.02, 0.01, 0.005)])[-1] == pytest.approx(order, abs=0.2)


def test_momentum_where_the_step_size_changes(case):
    """The velocity then takes time to change too: without the shift there the slope is 1."""
    problem, start = case

    def error(half):
        schedule = [1.0] * half + [0.25] * half
        settings = Settings(0.8 / half, epochs=2 * half, schedule=schedule, momentum=0.6, **DETERMINISTIC)
        return gap(problem, start, settings, "gd", simulate(problem, start, settings).mean)

    assert slopes([error(half) for half in (50, 100, 200)])[-1] == pytest.approx(2, abs=0.1)


# Explicit regularisation ----------------------------------------------------------------------


def test_gradient_flow_of_the_penalized_loss_is_the_flow_of_sgd(case):
    """Smith et al. (2021), section 4."""
    problem, start = case
    explicit = vector_field(Penalized(problem, 0.2), Settings(1e-3), "gradient")
    implicit = vector_field(problem, Settings(0.2), "sgd")
    np.testing.assert_allclose(explicit(start), implicit(start), rtol=1e-12, atol=1e-14)


# What there is not ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "field", "expected"),
    [
        (
            {"momentum": 0.5},
            "second-order",
            "must be one of gradient, gd, sgd with momentum 0.5, got second-order",
        ),
        (
            {"substeps": 2},
            "second-order",
            "must be one of gradient, gd, sgd with substeps 2, got second-order",
        ),
        (
            {"optimizer": "adam", "sampling": "full-batch"},
            "sgd",
            "must be one of gradient, gd with optimizer adam",
        ),
        (
            {"sampling": "with-replacement", "schedule": "cosine"},
            "second-order",
            "must be one of gradient, gd, sgd with schedule cosine",
        ),
    ],
)
def test_fields_that_there_are_not(toy, settings, field, expected):
    with pytest.raises(InputError, match=expected):
        vector_field(toy, Settings(0.1, **settings), field)
    assert field not in default_fields(toy, Settings(0.1, **settings))


@pytest.mark.parametrize(
    "settings",
    [{"sampling": "given-order", "order": (0, 1, 2, 3)}, {"sampling": "shuffle-once", "epochs": 2}],
)
def test_momentum_of_a_kept_order_is_warned_of(toy, settings):
    with pytest.warns(McsgdWarning, match="belongs to a fresh random order every epoch"):
        vector_field(toy, Settings(0.1, momentum=0.5, **settings), "sgd")
