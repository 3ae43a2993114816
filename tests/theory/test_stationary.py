"""Where the mean settles, and how wide the cloud is there, against exact answers for quadratic batches."""

from itertools import permutations, product

import numpy as np
import pytest
from conftest import EXPANDABLE
from reference import directional, reshuffled, slopes

from mcsgd.errors import InputError
from mcsgd.problems import Custom, LinearRegression, LogisticRegression, Quadratic
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import minima, stationary_covariance, stationary_point

STEPS = 0.01 / 2.0 ** np.arange(3)
VISITS = {
    "random-order": lambda n, size: [[[k] for k in order] for order in permutations(range(n))],
    "with-replacement": lambda n, size: [[[k] for k in order] for order in product(range(n), repeat=n)],
    "reshuffle-examples": reshuffled,
    "given-order": lambda n, size: [[[k] for k in (2, 0, 1)]],
    "full-batch": lambda n, size: [[range(n)]],
}
VISITS["shuffle-once"] = VISITS["random-order"]
GUESS = np.array([0.3, -0.2])


def quadratics(examples, batch_size=1):
    rng = np.random.default_rng(5)
    A = rng.normal(size=(examples, 2, 2))
    hessians = A @ A.transpose(0, 2, 1) + 0.5 * np.eye(2)
    return Quadratic(hessians, rng.normal(size=(examples, 2)), batch_size)


def settings_for(sampling, eps, **more):
    return Settings(eps, sampling=sampling, order=(2, 0, 1) if sampling == "given-order" else (), **more)


def exact_stationary(problem, eps, sampling, backwards=False):
    """Mean and covariance of the stationary law of epochs, each an affine map w -> A w + b."""
    H, c = problem.data
    visits = VISITS[sampling](problem.examples, problem.batch_size)
    A, b = [], []
    for epoch in visits + [v[::-1] for v in visits if backwards]:
        a, t = np.eye(2), np.zeros(2)
        for rows in map(list, epoch):
            step = np.eye(2) - eps * H[rows].mean(axis=0)
            a, t = step @ a, step @ t + eps * np.einsum("kij,kj->i", H[rows], c[rows]) / len(rows)
        A.append(a)
        b.append(t)
    A, b = np.array(A), np.array(b)
    if sampling == "shuffle-once":  # a limit for each order
        limits = np.linalg.solve(np.eye(2) - A, b[:, :, None])[:, :, 0]
        return limits.mean(axis=0), np.cov(limits.T, bias=True)
    mean = np.linalg.solve(np.eye(2) - A.mean(axis=0), b.mean(axis=0))
    kicks = A @ mean + b - mean
    doubled = np.mean([np.kron(a, a) for a in A], axis=0)
    covariance = np.linalg.solve(np.eye(4) - doubled, (kicks.T @ kicks / len(A)).ravel())
    return mean, covariance.reshape(2, 2)


@pytest.mark.parametrize(
    ("sampling", "examples", "batch_size", "orders"),
    [
        ("random-order", 4, 1, {"gradient": 1, "gd": 1, "sgd": 2, "second-order": 3}),
        ("shuffle-once", 4, 1, {"gradient": 1, "sgd": 2}),
        ("reshuffle-examples", 6, 2, {"gradient": 1, "sgd": 2, "second-order": 3}),
        ("reshuffle-examples", 5, 2, {"gradient": 1, "sgd": 2}),
        ("given-order", 3, 1, {"gradient": 1, "sgd": 2, "second-order": 3}),
    ],
)
def test_the_mean_settles_at_the_zero_of_its_field(sampling, examples, batch_size, orders):
    problem = quadratics(examples, batch_size)
    means = [exact_stationary(problem, eps, sampling)[0] for eps in STEPS]
    for field, order in orders.items():
        found = [stationary_point(problem, settings_for(sampling, e), GUESS, field).point for e in STEPS]
        errors = [np.linalg.norm(mean - w) for mean, w in zip(means, found, strict=True)]
        assert slopes(errors)[-1] == pytest.approx(order, abs=0.08)


@pytest.mark.parametrize("sampling", ["with-replacement", "full-batch"])
@pytest.mark.parametrize("field", ["gradient", "gd"])
def test_no_shift(sampling, field):
    """Of quadratics: the noise of draws moves the mean by third derivatives only."""
    problem = quadratics(3)
    mean = exact_stationary(problem, 0.01, sampling)[0]
    found = stationary_point(problem, settings_for(sampling, 0.01), GUESS, field)
    np.testing.assert_allclose(found.point, mean, rtol=1e-12)
    assert found.residual < 1e-14
    assert found.iterations <= 20  # it begins with the right Jacobian


def test_the_shift_to_first_order():
    """-(eps/4m) H^{-1} grad sum_k |g_k|^2 at C's minimum; gd has none."""
    problem, start, _ = EXPANDABLE["logistic"]
    m, unit = problem.batches, np.eye(problem.parameters)
    minimum = minima(problem, start, Settings(0.1), ["gradient"])[0].point
    assert np.abs(problem.gradient(minimum)).max() < 1e-15

    def squares(w):
        return sum(np.sum(problem.gradient(w, k) ** 2) for k in range(m))

    H = np.stack([problem.hessian_vector(minimum, v) for v in unit])
    slope = np.array([directional(squares, minimum, v) for v in unit])
    errors = []
    for eps in (0.02, 0.01, 0.005):
        shift = stationary_point(problem, Settings(eps), minimum).point - minimum
        wanted = -eps / (4 * m) * np.linalg.solve(H, slope)
        errors.append(np.linalg.norm(shift - wanted))
        still = stationary_point(problem, Settings(eps), minimum, "gd").point
        np.testing.assert_allclose(still, minimum, rtol=1e-13)
    assert errors[-1] < 0.05 * np.linalg.norm(wanted)
    assert slopes(errors)[-1] == pytest.approx(2, abs=0.06)


def test_no_shift_where_all_batches_are_fitted():
    rng = np.random.default_rng(1)
    X, truth = rng.normal(size=(12, 3)), np.array([1.0, -2.0, 0.5])
    problem = LinearRegression(X, X @ truth, 3)
    for found in minima(problem, np.zeros(3), Settings(0.1), ["gradient", "gd", "sgd", "second-order"]):
        np.testing.assert_allclose(found.point, truth, rtol=1e-13)
    assert np.abs(stationary_covariance(problem, Settings(0.1), truth)).max() < 1e-25


@pytest.mark.parametrize(
    ("sampling", "examples", "batch_size", "design", "power"),
    [
        ("random-order", 4, 1, "independent", 1.5),
        ("shuffle-once", 4, 1, "independent", 1),
        ("with-replacement", 3, 1, "independent", 0.5),
        ("reshuffle-examples", 6, 2, "independent", 1.5),
        ("reshuffle-examples", 5, 2, "independent", 0.5),
        ("reshuffle-examples", 5, 2, "reversed-pairs", 0.5),
    ],
)
def test_stationary_covariance(sampling, examples, batch_size, design, power):
    problem, errors, widths = quadratics(examples, batch_size), [], []
    for eps in STEPS:
        exact = exact_stationary(problem, eps, sampling, backwards=design == "reversed-pairs")[1]
        settings = settings_for(sampling, eps, trajectories=2, design=design)
        point = stationary_point(problem, settings, GUESS, "gradient").point
        predicted = stationary_covariance(problem, settings, point)
        errors.append(np.linalg.norm(predicted - exact) / np.linalg.norm(exact))
        widths.append(np.sqrt(np.trace(predicted)))
    assert errors[-1] < 0.05
    assert slopes(errors)[-1] == pytest.approx(1, abs=0.1)
    assert slopes(widths) == pytest.approx(power, abs=0.01)


def test_no_cloud_where_nothing_is_drawn():
    settings = settings_for("given-order", 0.01)
    assert not stationary_covariance(quadratics(3), settings, GUESS).any()


def test_a_long_run_of_logistic_regression():
    """From C's minimum the mean moves to that of C_SGD, and nearer to the zero of the second-order field."""
    problem, start, _ = EXPANDABLE["logistic"]
    offs, ratios = [], []
    for eps, epochs in ((0.025, 400), (0.0125, 800)):  # ten times the slowest decay
        settings = Settings(eps, epochs, 10_000, design="reversed-pairs")
        found = minima(problem, start, settings, ["gradient", "sgd", "second-order"])
        cloud = simulate(problem, found[0].point, settings)
        offs.append([np.linalg.norm(cloud.mean - s.point) for s in found])
        predicted = stationary_covariance(problem, settings, found[1].point)
        ratios.append(np.trace(cloud.covariance) / np.trace(predicted))
    assert offs[-1][0] > 100 * np.linalg.norm(cloud.standard_error)
    assert slopes([off[0] for off in offs])[0] == pytest.approx(1, abs=0.1)
    assert slopes([off[1] for off in offs])[0] == pytest.approx(2, abs=0.2)
    assert offs[-1][2] < 0.2 * offs[-1][1]
    assert ratios[-1] == pytest.approx(1.08, abs=0.06)
    assert slopes(np.array(ratios) - 1)[0] == pytest.approx(1, abs=0.5)


def double_well():
    def gradient(w, batch, data, out):
        (centre,) = data
        out[:] = 0.0
        for i in batch:
            out += ((w * w - 1) * w + 0.1 * centre[i] * (w - 1) * (w + 1)) / batch.size

    return Custom(gradient, (np.array([1.0, -1.0]),), parameters=1, examples=2, batch_size=1)


@pytest.mark.parametrize("start", [0.05, -0.05, 3.0, -3.0])
def test_minima_are_those_that_gradient_flow_leads_to(start):
    """And no loss is needed."""
    found = minima(double_well(), [start], Settings(0.05))
    assert [s.field for s in found] == ["gradient", "gd", "sgd"]
    for s in found:
        assert s.point == pytest.approx(np.sign(start), abs=0.01)
        assert s.residual < 1e-14


def test_from_a_minimum():
    problem = quadratics(3)
    H, c = problem.data
    exact = np.linalg.solve(H.sum(axis=0), np.einsum("kij,kj->i", H, c))
    assert minima(problem, exact, Settings(0.01), ["gradient"])[0].point == pytest.approx(exact, rel=1e-13)


def test_refuses_what_is_no_minimum(toy):
    with pytest.raises(
        InputError, match=r"guess: must be at or lead to a minimum .* definite: its eigenvalues"
    ):
        stationary_point(toy, Settings(0.01), [1.2, 0.7], "gradient")  # a valley
    saddle = Quadratic([np.diag([1.0, -1.0])], [[0.0, 0.0]])
    with pytest.raises(InputError, match="its eigenvalues are -1 to 1"):
        stationary_point(saddle, Settings(0.01), [1.0, 1.0])
    with pytest.raises(InputError, match="point: must be at or lead to a minimum"):
        stationary_covariance(saddle, Settings(0.01), [0.0, 0.0])


def test_refuses_where_there_is_no_zero():
    """A loss exp(w)."""

    def gradient(w, batch, data, out):
        out[0] = np.exp(w[0])

    problem = Custom(gradient, (1.0,), parameters=1, examples=2, batch_size=1)
    with pytest.raises(InputError, match=r"guess: must lead to a zero of the field gradient: after \d+ eval"):
        stationary_point(problem, Settings(0.01), [0.0], "gradient")
    with pytest.raises(InputError, match="guess: must lead to a zero"):
        minima(problem, [0.0], Settings(0.01))
    separable = LogisticRegression([[1.0], [2.0]], [1, 1], 1)
    with pytest.raises(InputError, match="guess: must"):
        minima(separable, [0.0], Settings(0.01))


def test_c_sgd_chooses_in_a_valley(toy):
    """Of all minima of C in the valley a b = const, the balanced one: the gradients are a's times b, b's times a."""
    a, b = stationary_point(toy, Settings(0.01), [1.2, 0.7]).point
    assert a == pytest.approx(b, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "field", "message"),
    [
        ({"momentum": 0.5}, "sgd", "momentum: must be left at its default for this prediction, got 0.5"),
        ({"sampling": "with-replacement"}, "second-order", "field: second-order depends on how long"),
        ({}, "sdg", "field: must be one of .*did you mean sgd"),
        ({"sampling": "given-order", "order": (0, 1)}, "sgd", "order: must hold each of the 3 batches"),
    ],
)
def test_wrong_settings(settings, field, message):
    with pytest.raises(InputError, match=message):
        stationary_point(quadratics(3), Settings(0.01, **settings), GUESS, field)


def test_second_order_where_a_batch_is_smaller():
    settings = Settings(0.01, sampling="reshuffle-examples")
    with pytest.raises(InputError, match="field: second-order depends on how long"):
        stationary_point(quadratics(5, 2), settings, GUESS, "second-order")


def test_wrong_arguments():
    with pytest.raises(InputError, match="guess: must be one number for each parameter"):
        stationary_point(quadratics(3), Settings(0.01), [1.0])
    with pytest.raises(InputError, match="start: must be one number for each parameter"):
        minima(quadratics(3), [1.0], Settings(0.01))
    with pytest.raises(InputError, match="point: must be one number for each parameter"):
        stationary_covariance(quadratics(3), Settings(0.01), [1.0])
    large = LinearRegression(np.ones((2, 1001)), [0.0, 1.0], 1)
    with pytest.raises(InputError, match="problem: must have at most 1000 parameters for this, got 1001"):
        stationary_point(large, Settings(0.01), np.ones(1001))
