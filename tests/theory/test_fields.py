"""Orders of the modified flows, as slopes of |exact mean - flow| when the step size is halved."""

from itertools import permutations, product

import numpy as np
import pytest
from reference import epoch, exact_mean, slopes

from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.theory import integrate

START = np.array([1.2, 0.7])
STEPS = 0.02 / 2.0 ** np.arange(5)


def errors(toy, field, exact, **settings):
    found = []
    for eps in STEPS:
        flow = integrate(toy, START, Settings(eps, **settings), field)
        found.append(np.linalg.norm(exact(eps) - flow.endpoint))
    return found


@pytest.mark.parametrize(("field", "order"), [("gradient", 2), ("gd", 2), ("sgd", 3), ("second-order", 4)])
def test_random_order_one_epoch(toy, field, order):
    measured = slopes(errors(toy, field, lambda eps: exact_mean(toy, START, eps)))
    assert measured[-1] == pytest.approx(order, abs=0.06)


def test_random_order_at_fixed_time():
    """All 6^K sequences of orders over K epochs, a fresh order each: slopes 1, 1, 2, 3."""
    x, y = np.array([1.0, 0.5, 1.5]), np.array([0.6, 1.0, 0.2])
    problem = ScalarFactorization(x, y)

    def exact(eps, epochs):
        w = START[None]
        for _ in range(epochs):
            ends = []
            for order in permutations(range(3)):
                a, b = w.T
                for k in order:
                    slope = (a * b * x[k] - y[k]) * x[k]
                    a, b = a - eps * slope * b, b - eps * slope * a
                ends.append(np.stack([a, b], axis=1))
            w = np.concatenate(ends)
        return START + (w - START).mean(axis=0)

    settings = [Settings(0.2 / 3 / epochs, epochs=epochs) for epochs in (2, 4, 8)]
    means = [exact(s.step_size, s.epochs) for s in settings]
    for field, order in {"gradient": 1, "gd": 1, "sgd": 2, "second-order": 3}.items():
        ends = [integrate(problem, START, s, field).endpoint for s in settings]
        found = [np.linalg.norm(mean - end) for mean, end in zip(means, ends, strict=True)]
        assert slopes(found)[-1] == pytest.approx(order, abs=0.08)


def test_flow_against_the_exact_solution():
    problem = Quadratic([np.diag([0.5, 3.0])], [[1.0, -2.0]])
    flow = integrate(problem, START, Settings(0.01, epochs=500), "gradient")
    exact = [1, -2] + np.exp(-flow.time[:, None] * [0.5, 3.0]) * (START - [1, -2])
    assert np.abs(flow.endpoint - exact[-1]).max() < 2e-12
    assert np.abs(flow.path - exact).max() < 1e-9  # interpolated, to a lower order


def test_a_stiff_flow_ends_with_a_message():
    problem = Quadratic([np.diag([1.0, 1e4])], [[0.0, 0.0]])
    flow = integrate(problem, START, Settings(1000.0), "gradient")
    assert "too stiff" in flow.message
    assert np.isnan(flow.endpoint).all()


def mean_map(problem, eps):
    """The affine map of one epoch of quadratic batches, averaged over all orders, as a matrix."""
    H, c = problem.data
    d = problem.parameters
    steps = [np.eye(d + 1) for _ in H]
    for step, h, centre in zip(steps, H, c, strict=True):
        step[:d, :d] -= eps * h
        step[:d, d] = eps * h @ centre
    orders = list(permutations(steps))
    return np.eye(d + 1) + sum(np.linalg.multi_dot(order) - np.eye(d + 1) for order in orders) / len(orders)


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 1), ("sgd", 2), ("second-order", 3)])
def test_quadratics_at_fixed_time(field, order):
    """Orders of different epochs are independent, so the mean map of quadratics multiplies."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 2, 2))
    problem = Quadratic(A @ A.transpose(0, 2, 1) + np.eye(2), rng.normal(size=(4, 2)))
    found = []
    for epochs in (8, 16, 32, 64):
        eps = 0.04 / epochs
        end = np.linalg.matrix_power(mean_map(problem, eps), epochs) @ [*START, 1.0]
        flow = integrate(problem, START, Settings(eps, epochs=epochs), field)
        found.append(np.linalg.norm(end[:2] - flow.endpoint))
    assert slopes(found)[-1] == pytest.approx(order, abs=0.06)


@pytest.mark.parametrize(("field", "order"), [("gradient", 2), ("gd", 3), ("sgd", 2), ("second-order", 4)])
@pytest.mark.filterwarnings("ignore:field sgd does not belong")
def test_with_replacement_one_epoch(toy, field, order):
    sequences = list(product(range(toy.batches), repeat=toy.batches))

    def exact(eps):
        return START + np.mean([epoch(toy, START, eps, s) - START for s in sequences], axis=0)

    measured = slopes(errors(toy, field, exact, sampling="with-replacement"))
    assert measured[-1] == pytest.approx(order, abs=0.06)


@pytest.mark.parametrize(("examples", "batch_size"), [(6, 2), (6, 3), (5, 2)])
def test_reshuffled_examples_one_epoch(examples, batch_size):
    """Also where the last batch is smaller: k2 = (m - 1)/(N - 1)."""
    rng = np.random.default_rng(3)
    problem = ScalarFactorization(rng.uniform(0.5, 2, examples), rng.normal(size=examples), batch_size)

    def exact(eps):
        ends = []
        for order in permutations(range(examples)):
            w = START
            for k in range(problem.batches):
                w = w - eps * problem.gradient(w, list(order[k * batch_size : (k + 1) * batch_size]))
            ends.append(w - START)
        return START + np.mean(ends, axis=0)

    wanted = {"gradient": 2, "gd": 2, "sgd": 3, "second-order": 4}
    means = {eps: exact(eps) for eps in STEPS[-2:]}
    for field, order in wanted.items():
        found = []
        for eps, mean in means.items():
            flow = integrate(problem, START, Settings(eps, sampling="reshuffle-examples"), field)
            found.append(np.linalg.norm(mean - flow.endpoint))
        assert slopes(found)[-1] == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(("field", "order"), [("gradient", 2), ("gd", 2), ("sgd", 3), ("second-order", 4)])
def test_given_order_one_epoch(toy, field, order):
    pi = (2, 0, 3, 1)
    measured = slopes(
        errors(toy, field, lambda eps: epoch(toy, START, eps, pi), sampling="given-order", order=pi)
    )
    assert measured[-1] == pytest.approx(order, abs=0.06)


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 2), ("second-order", 3)])
def test_full_batch_at_fixed_time(toy, field, order):
    found = []
    for epochs in (16, 32, 64):
        settings = Settings(0.8 / epochs / 4, epochs=epochs, sampling="full-batch")
        w = START
        for _ in range(epochs):
            w = w - settings.step_size * toy.gradient(w, np.arange(4))
        found.append(np.linalg.norm(w - integrate(toy, START, settings, field).endpoint))
    assert slopes(found)[-1] == pytest.approx(order, abs=0.06)
