import numpy as np
import pytest
from reference import epoch

from mcsgd.orders import draw_orders
from mcsgd.settings import Settings
from mcsgd.simulation import simulate

START = np.array([1.2, 0.7])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"design": "reversed-pairs"},
        {"design": "balanced"},
        {"sampling": "shuffle-once"},
        {"sampling": "shuffle-once", "design": "balanced"},
        {"sampling": "with-replacement", "design": "reversed-pairs"},
        {"sampling": "given-order", "order": (2, 0, 3, 1)},
    ],
)
def test_the_orders_are_those_of_the_simulation(toy, settings):
    settings = Settings(0.05, epochs=3, trajectories=24, seed=3, **settings)
    cloud = simulate(toy, START, settings)
    orders = [draw_orders(toy, settings, e, first=5, count=19)[0] for e in range(3)]
    for row, t in enumerate(range(5, 24)):
        w = START
        for e in range(3):
            w = epoch(toy, w, 0.05, orders[e][row])
        np.testing.assert_allclose(cloud.endpoints[t], w, rtol=1e-14)


@pytest.mark.parametrize("problem", ["linear", "logistic"], indirect=True)
@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
def test_reshuffled_examples(problem, design):
    settings = Settings(0.05, trajectories=10, sampling="reshuffle-examples", design=design)
    w0 = np.random.default_rng(2).normal(size=problem.parameters) * 0.5
    cloud = simulate(problem, w0, settings)
    orders, examples = draw_orders(problem, settings, 0, first=3, count=7)
    B = problem.batch_size
    for row in range(7):
        w = w0
        for k in orders[row]:
            w = w - 0.05 * problem.gradient(w, examples[row, k * B : (k + 1) * B])
        np.testing.assert_allclose(cloud.endpoints[3 + row], w, rtol=0, atol=2e-14 * np.abs(w).max())


def test_full_batch(toy):
    settings = Settings(0.05, sampling="full-batch")
    assert draw_orders(settings.partition(toy), settings, 2, 0, 3)[0].tolist() == [[0]] * 3
