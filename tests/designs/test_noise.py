"""Noise of a unit's mean about the exact mean over all orders: slopes in the step size, and what it costs.

False-alarm rate of the table: 1e-6 (fixed seeds).
"""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from mcsgd.problems import LogisticRegression, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.simulation import simulate

START = np.array([1.2, 0.7])
STEPS = 0.01 / 2.0 ** np.arange(4)
ALARM = 1e-6


def exact_mean(problem, eps):
    """Mean endpoint of an epoch of the a b x toy over all m! orders at once, minus the start."""
    x, y = problem.data
    orders = np.array(list(permutations(range(problem.batches))))
    a, b = np.repeat(START[:, None], len(orders), axis=1)
    for k in orders.T:
        pull = eps * x[k] * (a * b * x[k] - y[k])
        a, b = a - pull * b, b - pull * a
    return np.mean([a - START[0], b - START[1]], axis=1)


def cloud_of(problem, start, eps, design, units):
    """So many trajectories, pairs or sets."""
    per_unit = Settings(eps, design=design).trajectories_per_unit(problem.batches)
    return simulate(problem, start, Settings(eps, trajectories=units * per_unit, design=design))


def noise(problem, eps, design):
    """Root mean square distance of a unit's mean to the exact mean."""
    cloud = cloud_of(problem, START, eps, design, 20 if design == "balanced" else 300)
    ends = cloud.endpoints if cloud.corrected is None else cloud.corrected
    means = (ends - START).reshape(-1, cloud.trajectories_per_unit, 2).mean(axis=1)
    return np.sqrt(np.mean(np.sum((means - exact_mean(problem, eps)) ** 2, axis=1)))


@pytest.mark.parametrize(
    ("m", "design", "order"),
    [
        (6, "independent", 2),
        (6, "reversed-pairs", 3),
        (6, "control-variate", 3),
        (6, "balanced", 4),
        (7, "balanced", 4),  # 336 orders of 8 batches, one of them deleted
        (8, "balanced", 4),
    ],
)
def test_slope(m, design, order):
    rng = np.random.default_rng(m)
    problem = ScalarFactorization(rng.uniform(0.5, 2, m), rng.normal(size=m))
    found = np.array([noise(problem, eps, design) for eps in STEPS])
    assert np.log2(found[:-1] / found[1:])[-1] == pytest.approx(order, abs=0.1)


TABLE = {  # of the docstring of mcsgd.designs
    ("independent", 0.1): 2.0e-3,
    ("independent", 0.025): 1.3e-4,
    ("control-variate", 0.1): 3.6e-4,
    ("control-variate", 0.025): 5.6e-6,
    ("reversed-pairs", 0.1): 1.8e-4,
    ("reversed-pairs", 0.025): 2.8e-6,
    ("balanced", 0.1): 7.3e-7,
    ("balanced", 0.025): 2.9e-9,
}


def logistic():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(24, 3))
    y = X @ [1, -2, 0.5] + rng.normal(size=24) > 0
    return LogisticRegression(X, y.astype(float), batch_size=3)


def cost_noise(design, eps, units):
    """Standard deviation of a unit's mean times the root of its trajectories, all coordinates together."""
    cloud = cloud_of(logistic(), [0.5, 0.3, -0.8], eps, design, units)
    return np.sqrt(np.trace(cloud.statistics.units.covariance) * cloud.trajectories_per_unit)


@pytest.mark.parametrize(("design", "eps"), TABLE)
def test_noise_of_a_given_cost(design, eps):
    """As the docstring says to two digits, but for sampling error; less than of one coordinate's variance."""
    units = 100 if design == "balanced" else 4000
    low, high = np.sqrt(stats.chi2.ppf([ALARM / 2, 1 - ALARM / 2], units - 1) / (units - 1))
    assert 0.95 * low < cost_noise(design, eps, units) / TABLE[design, eps] < 1.05 * high


def test_sets_do_not_keep_the_noise_of_products_across_epochs():
    """Of the same members matched in both epochs, it would be 46 times that of one epoch."""
    one, two = (
        simulate(
            logistic(), [0.5, 0.3, -0.8], Settings(0.0125, epochs, trajectories=40 * 336, design="balanced")
        ).statistics.units.covariance
        for epochs in (1, 2)
    )
    assert np.sqrt(np.trace(two) / np.trace(one)) == pytest.approx(8, rel=0.3)
