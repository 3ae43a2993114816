"""The promised orders on three kinds of problem, against exact means: slopes when the step is halved."""

import numpy as np
import pytest
from reference import slopes

from mcsgd.exact import exact_mean
from mcsgd.problems import LogisticRegression, ScalarFactorization, TanhNetwork
from mcsgd.settings import Settings
from mcsgd.theory import integrate

RNG = np.random.default_rng(11)
X, TARGETS = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 1))
CASES = {
    "toy": (lambda n, B: ScalarFactorization(X[:n, 0] + 1.5, X[:n, 1], B), np.array([1.1, 0.6])),
    "logistic": (
        lambda n, B: LogisticRegression(X[:n], np.arange(n) % 2, B, 0.1),
        np.array([0.8, -1.1, 0.4]),
    ),
    "network": (lambda n, B: TanhNetwork(X[:n], TARGETS[:n], B, hidden=2), RNG.normal(size=11) * 0.8),
}
ONE_EPOCH = {
    "random-order": {"gradient": 2, "gd": 2, "sgd": 3, "second-order": 4},
    "reshuffle-examples": {"gradient": 2, "gd": 2, "sgd": 3, "second-order": 4},
    "with-replacement": {"gradient": 2, "gd": 3, "second-order": 4},
    "given-order": {"gradient": 2, "gd": 2, "sgd": 3, "second-order": 4},
}


def last_slope(problem, start, field, settings):
    gaps = []
    for each in settings:
        mean = exact_mean(problem, start, each).mean
        gaps.append(np.linalg.norm(mean - integrate(problem, start, each, field).endpoint))
    return slopes(gaps)[-1]


@pytest.mark.parametrize(
    ("sampling", "field", "order"),
    [(sampling, field, order) for sampling, fields in ONE_EPOCH.items() for field, order in fields.items()],
)
@pytest.mark.parametrize("case", CASES)
def test_one_epoch(case, sampling, field, order):
    make, start = CASES[case]
    options = {"sampling": sampling} | ({"order": (2, 0, 1)} if sampling == "given-order" else {})
    settings = [Settings(0.01 / 2**halvings, **options) for halvings in range(3)]
    assert last_slope(make(6, 2), start, field, settings) == pytest.approx(order, abs=0.12)


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 1), ("sgd", 2), ("second-order", 3)])
@pytest.mark.parametrize("case", CASES)
def test_fixed_time(case, field, order):
    """All 2^16 sequences of orders of two batches over 16 epochs."""
    make, start = CASES[case]
    settings = [Settings(0.1 / epochs, epochs=epochs) for epochs in (4, 8, 16)]
    assert last_slope(make(4, 2), start, field, settings) == pytest.approx(order, abs=0.12)


def mean_with_momentum(problem, start, h, epochs, beta):
    """Over all sequences of orders of two batches, a fresh order each epoch."""
    ends = [(start, np.zeros_like(start))]
    for _ in range(epochs):
        before, ends = ends, []
        for w, velocity in before:
            g = problem.gradients(w)
            for first in (0, 1):
                v = beta * velocity - h * g[first]
                x = w + v
                v = beta * v - h * problem.gradients(x)[1 - first]
                ends.append((x + v, v))
    return start + np.mean([w - start for w, _ in ends], axis=0)


@pytest.mark.parametrize(("field", "order"), [("gradient", 1), ("gd", 1), ("sgd", 2)])
@pytest.mark.parametrize("case", CASES)
def test_momentum_in_random_order_at_fixed_time(case, field, order):
    """With kappa, in sgd, the error falls by four where that of gd falls by two."""
    make, start = CASES[case]
    problem, gaps = make(4, 2), []
    for epochs in (6, 12):
        settings = Settings(0.12 / epochs, epochs=epochs, momentum=0.3)
        mean = mean_with_momentum(problem, start, settings.step_size, epochs, 0.3)
        gaps.append(np.linalg.norm(mean - integrate(problem, start, settings, field).endpoint))
    assert slopes(gaps)[-1] == pytest.approx(order, abs=0.25)
