"""Which method is used, what is refused and why, and that simulations agree."""

import math
import time

import numpy as np
import pytest

from mcsgd import exact_mean, simulate
from mcsgd.errors import DivergedError, InputError
from mcsgd.problems import LinearRegression, Quadratic, ScalarFactorization
from mcsgd.schemes import SAMPLINGS
from mcsgd.settings import Settings

START = np.array([1.2, 0.7])
RNG = np.random.default_rng(9)


def toy_of(examples, batch_size=1):
    x = np.linspace(0.5, 2.0, examples)
    return ScalarFactorization(x, np.cos(3 * x), batch_size)


def quadratic(m, d):
    A = RNG.normal(size=(m, d, d))
    return Quadratic(A @ A.transpose(0, 2, 1) / d, RNG.normal(size=(m, d)))


SIGMAS = 4.9
"""Two-sided, passed by chance once in a million."""


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("sampling", [name for name, sampling in SAMPLINGS.items() if sampling.random])
def test_simulation_agrees(sampling, epochs):
    problem = toy_of(4) if sampling != "reshuffle-examples" else toy_of(5, 2)
    settings = Settings(0.1, epochs=epochs, trajectories=20_000, seed=1, sampling=sampling)
    answer = exact_mean(problem, START, settings)
    cloud = simulate(problem, START, settings)
    errors = np.sqrt(np.diag(answer.covariance) / cloud.count)
    assert (np.abs(cloud.mean - answer.mean) < SIGMAS * errors).all()
    # A width is known to 1/sqrt(2 n) of itself or so; clouds of few endpoints to less than normal ones.
    np.testing.assert_allclose(np.cov(cloud.endpoints.T), answer.covariance, rtol=0.1)


def test_simulation_of_pairs_agrees():
    """With a smaller batch that comes first in half of the trajectories."""
    settings = Settings(
        0.2, trajectories=40_000, sampling="reshuffle-examples", design="reversed-pairs", seed=2
    )
    problem = toy_of(5, 2)
    answer, cloud = exact_mean(problem, START, settings), simulate(problem, START, settings)
    assert (np.abs(cloud.mean - answer.mean) < SIGMAS * np.sqrt(np.diag(cloud.mean_covariance))).all()
    alone = exact_mean(problem, START, Settings(0.2, sampling="reshuffle-examples"))
    assert (np.abs(cloud.mean - alone.mean) > SIGMAS * np.sqrt(np.diag(cloud.mean_covariance))).any()


@pytest.mark.parametrize(
    ("problem", "settings", "method", "count"),
    [
        (toy_of(5), Settings(0.1), "prefix tree", 120),
        (toy_of(3), Settings(0.1, epochs=2), "prefix tree", 36),
        (toy_of(3), Settings(0.1, epochs=2, sampling="shuffle-once"), "prefix tree", 6),
        (toy_of(3), Settings(0.1, sampling="with-replacement"), "prefix tree", 27),
        (toy_of(7, 2), Settings(0.1, sampling="reshuffle-examples"), "prefix tree", 630),
        (toy_of(3), Settings(0.1, epochs=3, sampling="full-batch"), "single trajectory", 1),
        (toy_of(3), Settings(0.1, sampling="given-order", order=(2, 0, 1)), "single trajectory", 1),
        (toy_of(3, 3), Settings(0.1, epochs=5), "single trajectory", 1),
        (quadratic(13, 2), Settings(0.1), "subset recursion", math.factorial(13)),
        (quadratic(13, 2), Settings(0.1, sampling="shuffle-once"), "subset recursion", math.factorial(13)),
        (quadratic(4, 2), Settings(0.01, epochs=1000), "subset recursion", math.inf),
        (quadratic(30, 1), Settings(0.01), "one-parameter recurrence", float(math.factorial(30))),
        (quadratic(30, 2), Settings(0.01, sampling="with-replacement"), "independent draws", 30.0**30),
    ],
)
def test_method_and_count(problem, settings, method, count):
    answer = exact_mean(problem, START[: problem.parameters], settings)
    assert answer.method == method
    assert answer.count == pytest.approx(count, rel=1e-11)
    assert isinstance(answer.count, int) == (count < 2**63)
    assert answer.epochs == settings.epochs
    assert method in repr(answer)
    if count == 1:
        assert not answer.covariance.any()
        assert answer.mean.tobytes() == simulate(problem, START, settings).endpoints[0].tobytes()


def test_many_parameters_go_by_the_tree():
    """Where products of their matrices cost more than all orders do."""
    X, y = RNG.normal(size=(8, 40)), RNG.normal(size=8)
    assert exact_mean(LinearRegression(X, y, 2), np.zeros(40), Settings(0.01)).method == "prefix tree"


REFUSED = [
    (
        toy_of(12),
        Settings(0.1),
        r"max_steps: must be >= 1.3e\+09, about .* \(for the exact method prefix tree",
    ),
    (toy_of(4), Settings(0.1, epochs=6), r"max_steps: must be >= 5.3e\+08, about .*; got 1e\+08"),
    (
        toy_of(64, 32),
        Settings(0.1, sampling="reshuffle-examples"),
        "at most 62 examples to reshuffle, got 64",
    ),
    (toy_of(2000), Settings(0.1), r"max_steps: must be >= 9.2e\+18 and more"),
    (toy_of(40), Settings(0.1, sampling="with-replacement"), "must have quadratic batches, got ScalarFac"),
    (quadratic(21, 2), Settings(0.1), "at most 20 batches, got 21 .for the exact method subset recursion"),
    (quadratic(21, 2), Settings(0.1), "must have one parameter, got 2"),
    (
        quadratic(1300, 1),
        Settings(0.1),
        r"must be >= 3.7e\+08; got 1e\+08 .for the exact method one-parameter",
    ),
    (quadratic(12, 2), Settings(0.1, epochs=2, sampling="shuffle-once"), "epochs: must be 1 with sampling"),
    (toy_of(40), Settings(0.1, epochs=10**9, sampling="full-batch"), r"must be >= 1e\+09, about"),
]


@pytest.mark.parametrize(("problem", "settings", "message"), REFUSED)
def test_refusals_name_every_method_and_come_at_once(problem, settings, message):
    exact_mean(toy_of(3), START, Settings(0.1))  # compiled before the clock runs
    begin = time.perf_counter()
    with pytest.raises(InputError, match=message) as caught:
        exact_mean(problem, START[: problem.parameters], settings)
    assert time.perf_counter() - begin < 10
    methods = {issue.message.rpartition("exact method ")[2][:-1] for issue in caught.value.issues}
    assert len(methods) == 5


def test_what_needs_too_much_memory(monkeypatch):
    monkeypatch.setattr("mcsgd.exact.choice.memory_bytes", lambda: 1e6)
    with pytest.raises(InputError, match=r"problem: must need at most 0\.000466 GiB, half of the memory"):
        exact_mean(quadratic(16, 2), START, Settings(0.1))


def test_max_steps():
    assert exact_mean(toy_of(4), START, Settings(0.1), max_steps=64).count == 24
    with pytest.raises(InputError, match="max_steps: must be >= 64, less than a second; got 63"):
        exact_mean(toy_of(4), START, Settings(0.1), max_steps=63)


def test_wrong_arguments():
    with pytest.raises(InputError) as caught:
        exact_mean(toy_of(3), [1.0], Settings(0.1, sampling="given-order", order=(0, 1)), max_steps=0)
    assert {issue.argument for issue in caught.value.issues} == {"start", "max_steps", "order"}


@pytest.mark.parametrize("epochs", [1, 3000])
def test_a_mean_that_diverges_is_an_error(epochs):
    steep = Quadratic(np.full((3, 2, 2), 1e160 if epochs == 1 else 3.0), np.zeros((3, 2)))
    with pytest.raises(DivergedError):
        exact_mean(steep, START, Settings(0.5, epochs=epochs))
