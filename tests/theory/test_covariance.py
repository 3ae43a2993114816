"""The predicted covariance against exact clouds: the relative error has slope 1."""

from itertools import permutations, product

import numpy as np
import pytest
from conftest import EXPANDABLE
from reference import exact_endpoints, reshuffled, slopes

from mcsgd.errors import InputError
from mcsgd.problems import LinearRegression, Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.theory import predicted_covariance
from mcsgd.theory.covariance import default_covariance

START = np.array([1.2, 0.7])
EPOCHS = {
    "random-order": lambda n, size: [[[k] for k in order] for order in permutations(range(n))],
    "with-replacement": lambda n, size: [[[k] for k in order] for order in product(range(n), repeat=n)],
    "reshuffle-examples": reshuffled,
}
EPOCHS["shuffle-once"] = EPOCHS["random-order"]


def toy(n, batch_size=1):
    return ScalarFactorization([1.0, 0.5, 1.5, 1.2][:n], [0.6, 1.0, 0.2, 2.0][:n], batch_size)


def exact_cloud(problem, eps, epochs, sampling, backwards):
    """All endpoints of the toy, equally likely, (n, 2)."""

    def run(w, visits):
        a, b = w.T
        for rows in visits:
            x, y = (column[list(rows), None] for column in problem.data)
            slope = ((a * b * x - y) * x).mean(axis=0)
            a, b = a - eps * slope * b, b - eps * slope * a
        return np.stack([a, b], axis=1)

    visits = EPOCHS[sampling](problem.examples, problem.batch_size)
    clouds = []
    for one_epoch in [visits, [v[::-1] for v in visits]] if backwards else [visits]:
        if sampling == "shuffle-once":
            clouds += [run(START[None], epochs * v) for v in one_epoch]
        else:
            w = START[None]
            for _ in range(epochs):
                w = np.concatenate([run(w, v) for v in one_epoch])
            clouds.append(w)
    return np.concatenate(clouds)


def relative_error(problem, start, cloud, settings):
    exact = np.cov((cloud - start).T, bias=True)
    return np.linalg.norm(predicted_covariance(problem, start, settings) - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize(
    ("sampling", "examples", "batch_size", "epochs"),
    [
        ("random-order", 4, 1, 1),
        ("random-order", 3, 1, 2),
        ("shuffle-once", 4, 1, 3),
        ("reshuffle-examples", 4, 2, 1),
        ("reshuffle-examples", 4, 2, 2),
        ("reshuffle-examples", 4, 3, 1),
        ("reshuffle-examples", 3, 2, 2),
        ("with-replacement", 4, 1, 1),
        ("with-replacement", 3, 1, 2),
    ],
)
@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
def test_fixed_epochs(sampling, examples, batch_size, epochs, design):
    problem, errors = toy(examples, batch_size), []
    for eps in (0.002, 0.001, 0.0005):
        cloud = exact_cloud(problem, eps, epochs, sampling, backwards=design == "reversed-pairs")
        settings = Settings(eps, epochs=epochs, trajectories=2, sampling=sampling, design=design)
        errors.append(relative_error(problem, START, cloud, settings))
    assert errors[-1] < 0.02
    assert slopes(errors) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    ("sampling", "examples", "batch_size", "epochs", "power"),
    [
        ("random-order", 3, 1, (2, 4, 8), 1.5),
        ("reshuffle-examples", 4, 2, (2, 4, 8), 1.5),
        ("reshuffle-examples", 3, 2, (2, 4, 8), 0.5),
        ("with-replacement", 2, 1, (2, 4, 8), 0.5),
        ("shuffle-once", 4, 1, (16, 32, 64), 1),
    ],
)
def test_fixed_time(sampling, examples, batch_size, epochs, power):
    """Along the flow; the standard deviation falls with the given power of the step size."""
    problem, errors, spreads = toy(examples, batch_size), [], []
    for count in epochs:
        settings = Settings(0.2 / problem.batches / count, epochs=count, sampling=sampling)
        cloud = exact_cloud(problem, settings.step_size, count, sampling, backwards=False)
        errors.append(relative_error(problem, START, cloud, settings))
        spreads.append(np.sqrt(np.trace(predicted_covariance(problem, START, settings))))
    assert errors[-1] < 0.1
    assert slopes(errors)[-1] == pytest.approx(1, abs=0.2)
    assert slopes(spreads)[-1] == pytest.approx(power, abs=0.05)


@pytest.mark.parametrize("case", ["logistic", "network"])
def test_other_problems(case):
    problem, start, eps = EXPANDABLE[case]
    errors = []
    for step_size in (eps, eps / 2):
        cloud = exact_endpoints(problem, start, step_size)
        errors.append(relative_error(problem, start, cloud, Settings(step_size)))
    assert slopes(errors) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "settings", [{"sampling": "full-batch"}, {"sampling": "given-order", "order": (1, 0, 2)}]
)
def test_nothing_is_drawn(settings):
    assert not predicted_covariance(toy(3), START, Settings(0.1, **settings)).any()


@pytest.mark.parametrize("sampling", EPOCHS)
def test_no_cloud_where_all_batches_are_equal(sampling):
    problem = ScalarFactorization([1.5] * 4, [0.4] * 4, batch_size=2)
    covariance = predicted_covariance(problem, START, Settings(0.1, sampling=sampling))
    np.testing.assert_allclose(covariance, 0, atol=1e-25)


def test_nan_where_the_flow_grows_beyond_all_bounds():
    problem = Quadratic([[[-100.0]], [[-99.0]]], [[0.0], [1.0]])
    assert np.isnan(predicted_covariance(problem, [1.0], Settings(0.001, epochs=800))).all()


def test_wrong_arguments():
    with pytest.raises(InputError, match="start: must be one number for each parameter"):
        predicted_covariance(toy(3), [1.0], Settings(0.1))
    with pytest.raises(InputError, match="order: must hold each of the 3 batches"):
        predicted_covariance(toy(3), START, Settings(0.1, sampling="given-order", order=(0, 1)))
    large = LinearRegression(np.ones((500, 40)), np.ones(500), batch_size=1)
    with pytest.raises(
        InputError, match="sampling: shuffle-once takes the responses of 40 parameters to 124750"
    ):
        predicted_covariance(large, np.ones(40), Settings(0.1, sampling="shuffle-once"))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(0.1, momentum=0.5), "momentum"),
        (Settings(0.1, substeps=2), "substeps"),
        (Settings(0.1, epochs=2, schedule="cosine"), "schedule"),
        (Settings(0.1, sampling="full-batch", optimizer="adam"), "optimizer"),
    ],
)
def test_plain_sgd_only(settings, name):
    with pytest.raises(InputError, match=f"^{name}: must be left at its default for this prediction, got"):
        predicted_covariance(toy(3), START, settings)
    assert default_covariance(toy(3), START, settings) is None


@pytest.mark.parametrize("sampling", EPOCHS)
def test_unasked_where_it_is_quickly_had(sampling):
    settings = Settings(0.01, sampling=sampling)
    found = default_covariance(toy(3), START, settings)
    np.testing.assert_array_equal(found, predicted_covariance(toy(3), START, settings))
    large = LinearRegression(np.ones((400, 400)), np.ones(400), batch_size=10)
    assert default_covariance(large, np.ones(400), settings) is None
    assert default_covariance(toy(3), START, Settings(0.01, epochs=10**6, sampling=sampling)) is None


def test_unasked_nothing_where_there_is_none():
    assert default_covariance(toy(3), START, Settings(0.01, sampling="full-batch")) is None
    escaping = Quadratic([[[-100.0]], [[-99.0]]], [[0.0], [1.0]])
    assert default_covariance(escaping, [1.0], Settings(0.001, epochs=800)) is None
