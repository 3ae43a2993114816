from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from mcsgd.comparison import compare
from mcsgd.correction import composition_noise, control_variate, order_noise
from mcsgd.errors import InputError
from mcsgd.problems import LogisticRegression, ScalarFactorization
from mcsgd.schemes import CORRECTED
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate
from mcsgd.verdict import judge

START = np.array([0.5, 0.3, -0.8])


def logistic(batch_size):
    """24 examples: 8 batches of 3, or 5 of which the last is smaller."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(24, 3))
    y = X @ [1, -2, 0.5] + rng.normal(size=24) > 0
    return LogisticRegression(X, y.astype(float), batch_size)


def noise(problem, settings):
    cloud = control_variate(problem, simulate(problem, START, settings))
    assert cloud.statistics.singles.count == settings.trajectories
    return np.sqrt(np.trace(cloud.statistics.units.covariance))


def subtracted(subtract, orders, examples):
    """What is subtracted from the endpoints of two parameters."""
    block = np.zeros((len(orders), 2))
    subtract(orders, examples, block)
    return -block


def slopes(found):
    return np.log2(np.array(found[:-1]) / found[1:])


DESIGN = {"design": "control-variate"}
SHUFFLED = {"sampling": "shuffle-once"}
EXAMPLES = {"sampling": "reshuffle-examples"}
PAIRS = {**EXAMPLES, "design": "reversed-pairs"}


@pytest.mark.parametrize(
    ("batch_size", "settings"), [(3, {}), (3, SHUFFLED), (3, EXAMPLES), (5, EXAMPLES), (3, PAIRS), (5, PAIRS)]
)
def test_noise_of_one_epoch(batch_size, settings):
    """O(eps^3), from eps^2; from eps where reshuffled examples leave a smaller last batch."""
    problem = logistic(batch_size)
    found = [noise(problem, Settings(eps, trajectories=200, **settings)) for eps in (0.05, 0.025, 0.0125)]
    assert slopes(found)[-1] == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("batch_size", "settings", "order"), [(3, {}, 2.5), (3, SHUFFLED, 2), (3, EXAMPLES, 2.5), (3, PAIRS, 2.5)]
)
def test_noise_at_fixed_time(batch_size, settings, order):
    """O(eps^(5/2)), from eps^(3/2); O(eps^2), from eps, where the order is kept. 2000 trajectories: 0.1 off."""
    problem = logistic(batch_size)
    found = [
        noise(problem, Settings(0.1 / epochs, epochs, trajectories=2000, **settings)) for epochs in (2, 4, 8)
    ]
    assert (slopes(found).mean()) == pytest.approx(order, abs=0.15)


def test_what_is_subtracted_is_xi_less_its_mean(toy):
    w0, eps = np.array([1.2, 0.7]), 0.02
    cloud = simulate(toy, w0, Settings(eps, trajectories=30, paths=30))
    m = toy.batches
    g = [toy.gradient(w0, k) for k in range(m)]
    ends = {}
    for order in permutations(range(m)):
        xi = sum(toy.hessian_vector(w0, g[order[i]], order[j]) for j in range(m) for i in range(j))
        w = w0
        for k in order:
            w = w - eps * toy.gradient(w, k)
        ends[order] = w, xi
    mean = np.mean([xi for _, xi in ends.values()], axis=0)
    corrected = control_variate(toy, cloud)
    for before, after in zip(cloud.endpoints, corrected.corrected, strict=True):
        _, xi = min(ends.values(), key=lambda end: np.abs(end[0] - before).max())
        np.testing.assert_allclose(before - after, eps**2 * (xi - mean), rtol=0, atol=1e-15)


def test_mean_over_all_orders_is_zero(toy):
    orders = np.array(list(permutations(range(4))))
    found = subtracted(order_noise(toy, Settings(0.1), np.array([1.2, 0.7]), np.eye(2)), orders, orders)
    assert np.abs(found).max() > 1e-3
    assert np.abs(found.mean(axis=0)).max() < 1e-16


@pytest.mark.parametrize(("examples", "batch_size"), [(6, 2), (6, 3), (5, 2), (4, 3), (3, 3), (1, 1)])
def test_mean_over_all_permutations_of_examples_is_zero(examples, batch_size):
    rng = np.random.default_rng(3)
    problem = ScalarFactorization(rng.uniform(0.5, 2, examples), rng.normal(size=examples), batch_size)
    rows = np.array(list(permutations(range(examples))))
    orders = np.repeat([np.arange(problem.batches)], len(rows), axis=0)
    function = composition_noise(problem, Settings(0.1, **EXAMPLES), np.array([1.2, 0.7]), np.eye(2))
    found = subtracted(function, orders, rows)
    assert np.abs(found.mean(axis=0)).max() < 1e-15
    assert (np.abs(found).max() > 1e-3) == (problem.batches > 1)


@pytest.mark.parametrize("function", [order_noise, composition_noise])
def test_jacobian_that_is_not_symmetric(toy, function):
    settings, w, jacobian = (
        Settings(0.1, **EXAMPLES),
        np.array([1.2, 0.7]),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
    )
    orders, rows = np.array([[0, 3, 2, 1]]), np.array([[0, 1, 2, 3]])
    at_once, later = (subtracted(function(toy, settings, w, J), orders, rows) for J in (np.eye(2), jacobian))
    np.testing.assert_allclose(later[0], jacobian @ at_once[0], rtol=1e-12)


def test_the_trajectories_stay_as_they_are(toy):
    settings = Settings(0.005, 2, trajectories=50, snapshots=(1,), paths=2)
    cloud = simulate(toy, [1.2, 0.7], settings)
    corrected = control_variate(toy, cloud)
    assert cloud.corrected is None
    assert repr(corrected) == "Ensemble(50 trajectories, 2 parameters, corrected)"
    for name in ("endpoints", "covariance", "snapshots", "paths", "status"):
        np.testing.assert_array_equal(getattr(corrected, name), getattr(cloud, name))
    np.testing.assert_allclose(corrected.mean, corrected.corrected.mean(axis=0), rtol=1e-14)
    variances = corrected.corrected.var(axis=0, ddof=1) / 50
    np.testing.assert_allclose(corrected.standard_error, np.sqrt(variances), rtol=1e-10)
    flow = integrate(toy, [1.2, 0.7], settings)
    assert (
        compare(corrected, flow).distance_standard_error < 0.2 * compare(cloud, flow).distance_standard_error
    )


@pytest.mark.parametrize("sampling", ["random-order", "reshuffle-examples"])
def test_in_pieces(toy, sampling, monkeypatch):
    cloud = simulate(toy, [1.2, 0.7], Settings(0.05, 2, trajectories=70, sampling=sampling))
    whole = control_variate(toy, cloud)
    monkeypatch.setattr("mcsgd.correction.CHUNK", 1)
    np.testing.assert_array_equal(control_variate(toy, cloud).corrected, whole.corrected)


@pytest.mark.parametrize("sampling", ["random-order", "reshuffle-examples"])
def test_bits_depend_neither_on_what_is_kept_nor_on_threads(toy, sampling, monkeypatch):
    settings = Settings(0.05, 3, trajectories=70, sampling=sampling, **DESIGN)
    whole = simulate(toy, [1.2, 0.7], settings, workers=2).corrected
    assert simulate(toy, [1.2, 0.7], settings, workers=1).corrected.tobytes() == whole.tobytes()
    moments = simulate(toy, [1.2, 0.7], settings, keep_cloud=False).mean
    monkeypatch.setattr("mcsgd.correction.MOST_KEPT", 0)
    assert simulate(toy, [1.2, 0.7], settings, workers=2).corrected.tobytes() == whole.tobytes()
    assert simulate(toy, [1.2, 0.7], settings, keep_cloud=False).mean.tobytes() == moments.tobytes()


def test_diverged_trajectories_stay_so():
    problem = logistic(3)
    cloud = simulate(problem, START, Settings(0.1, trajectories=5))
    endpoints, status = cloud.endpoints.copy(), cloud.status.copy()
    endpoints[3], status[3] = np.nan, 1
    rows = replace(cloud.rows, endpoints=endpoints, status=status)
    whole, one_gone = (control_variate(problem, c) for c in (cloud, replace(cloud, rows=rows)))
    assert one_gone.diverged == 1
    assert np.isnan(one_gone.corrected[3]).all()
    np.testing.assert_array_equal(one_gone.finished().corrected, whole.corrected[[0, 1, 2, 4]])
    np.testing.assert_array_equal(one_gone.finished().endpoints, cloud.endpoints[[0, 1, 2, 4]])


def test_one_batch():
    problem = ScalarFactorization([1.0], [0.6])
    cloud = simulate(problem, [2.8, 3.5], Settings(0.01, trajectories=3))
    np.testing.assert_array_equal(control_variate(problem, cloud).corrected, cloud.endpoints)


# The design ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", CORRECTED)
def test_the_design_corrects_independent_trajectories(toy, sampling):
    settings = Settings(0.05, 2, trajectories=50, sampling=sampling)
    expected = control_variate(toy, simulate(toy, [1.2, 0.7], settings))
    found = simulate(toy, [1.2, 0.7], replace(settings, **DESIGN))
    np.testing.assert_array_equal(found.endpoints, expected.endpoints)
    np.testing.assert_array_equal(found.corrected, expected.corrected)
    assert (found.unit_name, found.unit_count) == ("trajectory", 50)
    with pytest.raises(InputError, match=r"cloud: .* got one corrected already"):
        control_variate(toy, found)


def test_corrected_endpoints_count_as_memory(toy):
    sizes = [
        Settings(0.05, trajectories=100, design=d).cloud_bytes(toy) for d in ("independent", *DESIGN.values())
    ]
    assert sizes == [1600, 3200]


def test_the_verdict_says_that_endpoints_are_corrected(toy):
    settings = Settings(0.01, trajectories=50, **DESIGN)
    words = str(judge(simulate(toy, [1.2, 0.7], settings), [integrate(toy, [1.2, 0.7], settings)]))
    assert words.startswith("The mean endpoint of 50 trajectories, each less its control variate, ")
