"""The second-order field: its coefficients from their definition, and its slopes on other problems."""

from itertools import chain, permutations, product

import numpy as np
import pytest
from conftest import EXPANDABLE
from reference import directional, exact_mean, expansion, reshuffled, slopes

from mcsgd.errors import McsgdWarning
from mcsgd.problems import LogisticRegression, ScalarFactorization
from mcsgd.schemes import SAMPLINGS
from mcsgd.settings import Settings
from mcsgd.theory import default_fields, integrate, vector_field
from mcsgd.theory.deviations import directions
from mcsgd.theory.flow import solve
from mcsgd.theory.second_order import passes


def f2(problem, w, **settings):
    """As the field has it: at step size 1, less the first-order field."""
    settings = Settings(1.0, trajectories=2, **settings)
    first = SAMPLINGS[settings.sampling].field
    return vector_field(problem, settings, "second-order")(w) - vector_field(problem, settings, first)(w)


def defined_f2(problem, w, runs):
    """Such that the flow over time n eps has the third-order term of the mean over runs of n visits."""
    n = len(runs[0])
    batches = range(problem.batches) if isinstance(runs[0][0], int) else [range(problem.examples)]

    def mean_of(function):
        return np.mean([function(b) for b in batches], axis=0)

    def along(v):
        return mean_of(lambda b: problem.hessian_vector(w, v, b))

    def mean_xi(point):
        return np.mean([expansion(problem, point, run)[1] for run in runs], axis=0)

    g = mean_of(lambda b: problem.gradient(w, b))
    T_gg = mean_of(lambda b: problem.third_derivative(w, g, g, b))
    f1 = mean_xi(w) / n - n / 2 * along(g)
    f1_along_g = directional(mean_xi, w, g) / n - n / 2 * (T_gg + along(along(g)))
    eta = np.mean([expansion(problem, w, run)[2] for run in runs], axis=0)
    return -eta / n + n / 2 * (along(f1) + f1_along_g) + n**2 / 6 * (T_gg + along(along(g)))


def agree(value, expected):
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("case", EXPANDABLE)
def test_random_order_by_definition(case):
    problem, w, _ = EXPANDABLE[case]
    expected = defined_f2(problem, w, list(permutations(range(4))))
    agree(f2(problem, w), expected)
    agree(f2(problem, w, sampling="shuffle-once"), expected)


@pytest.mark.parametrize("case", EXPANDABLE)
def test_given_order_and_full_batch_by_definition(case):
    problem, w, _ = EXPANDABLE[case]
    agree(f2(problem, w, sampling="given-order", order=(2, 0, 3, 1)), defined_f2(problem, w, [(2, 0, 3, 1)]))
    whole = [[range(problem.examples)]]
    agree(f2(problem, w, sampling="full-batch"), defined_f2(problem, w, whole))


@pytest.mark.parametrize(("case", "epochs"), [("logistic", 1), ("two", 2)])
def test_with_replacement_by_definition(case, epochs):
    """The draws of all epochs count."""
    problem, w = (
        (ScalarFactorization([1.0, 2.0], [0.6, 0.1]), np.ones(2)) if case == "two" else EXPANDABLE[case][:2]
    )
    runs = list(product(range(problem.batches), repeat=epochs * problem.batches))
    agree(f2(problem, w, sampling="with-replacement", epochs=epochs), defined_f2(problem, w, runs))


@pytest.mark.parametrize("design", ["independent", "reversed-pairs"])
@pytest.mark.parametrize(
    ("examples", "batch_size", "epochs"),
    [(1, 1, 1), (2, 1, 1), (3, 3, 1), (4, 2, 1), (5, 2, 1), (5, 4, 1), (6, 3, 1), (3, 2, 2), (4, 2, 2)],
)
def test_reshuffled_examples_by_definition(examples, batch_size, epochs, design):
    """Also with a smaller last batch, which is the first one for half of the pairs."""
    problem = ScalarFactorization(
        np.linspace(0.5, 2, examples), np.cos(np.arange(examples)), batch_size=batch_size
    )
    w, one = np.array([1.2, 0.7]), reshuffled(examples, batch_size)
    runs = [tuple(chain(*epoch)) for epoch in product(one, repeat=epochs)]
    if design == "reversed-pairs":
        runs += [run[::-1] for run in runs]
    expected = defined_f2(problem, w, runs)
    agree(f2(problem, w, sampling="reshuffle-examples", design=design, epochs=epochs), expected)


@pytest.mark.parametrize("case", ["logistic", "network"])
def test_slope_four_in_one_epoch_and_three_with_the_field_of_gradient_descent(case):
    problem, start, largest = EXPANDABLE[case]
    errors, others = [], []
    for eps in (largest, largest / 2):
        mean, settings = exact_mean(problem, start, eps), Settings(eps)
        errors.append(np.linalg.norm(mean - integrate(problem, start, settings, "second-order").endpoint))
        full = Settings(eps, sampling="full-batch")
        names = (settings, "sgd"), (full, "second-order"), (full, "gd")
        first, second, gd = (vector_field(problem, *name) for name in names)
        time = np.array([0, 4 * eps])
        path = solve(lambda w, f=(first, second, gd): f[0](w) + f[1](w) - f[2](w), start, time, 1e-12, 1.0, 1)
        others.append(np.linalg.norm(mean - path[-1]))
    assert slopes(errors) == pytest.approx(4, abs=0.1)
    assert slopes(others) == pytest.approx(3, abs=0.1)


def test_batches_that_are_equal():
    """Random order is then gradient descent; there are no deviations."""
    problem, w = ScalarFactorization([1.5] * 3, [0.4] * 3), np.array([1.2, 0.7])
    agree(f2(problem, w), f2(problem, w, sampling="full-batch"))


def test_shuffle_once_over_several_epochs_is_warned_of(toy):
    settings = Settings(0.01, epochs=2, sampling="shuffle-once")
    with pytest.warns(McsgdWarning, match="second-order belongs to one epoch of sampling shuffle-once"):
        vector_field(toy, settings, "second-order")
    assert default_fields(toy, settings) == ("gradient", "gd", "sgd")


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_default_fields(toy, sampling):
    """Those of the sampling, and second-order where it does not take long."""
    settings = Settings(0.01, sampling=sampling, order=range(4) if sampling == "given-order" else ())
    fields = default_fields(toy, settings)
    assert fields[:2] == ("gradient", "gd")
    assert ("sgd" in fields) == (SAMPLINGS[sampling].field == "sgd")
    assert fields[-1] == "second-order"
    rows = 20_000
    large = LogisticRegression(np.ones((rows, 30)), np.arange(rows) % 2, batch_size=500)
    order = Settings(0.01, sampling="given-order", order=range(40))
    assert passes(large, order) < passes(large, Settings(0.01)) == 8 + 2 * 30
    assert default_fields(large, order)[-1] == "second-order"
    assert default_fields(large, Settings(0.01))[-1] == "sgd"


@pytest.mark.parametrize(
    ("sampling", "vectors"),
    [("random-order", 3), ("with-replacement", 3), ("reshuffle-examples", 7), ("full-batch", 0)],
)
def test_passes(sampling, vectors):
    """Two for each vector of a basis of the deviations of 4 batches, or 8 examples, of 11 parameters."""
    problem, *_ = EXPANDABLE["network"]
    assert passes(problem, Settings(0.01, sampling=sampling)) == 8 + 2 * vectors


def test_directions_of_nothing_and_of_what_is_not_a_number():
    left, basis = directions(np.zeros((3, 2)))
    assert left.shape == (3, 0)
    assert basis.shape == (0, 2)
    assert np.isnan(directions(np.full((3, 2), np.inf))[1]).all()


def test_a_field_that_is_not_finite_at_the_start():
    problem = ScalarFactorization([1e80, 1.0], [0.0, 0.0])
    flow = integrate(problem, [1.0, 1.0], Settings(1.0), "second-order")
    assert "grew beyond" in flow.message
