import functools
import math
import pickle

import numba
import numpy as np
import pytest

from mcsgd.errors import InputError, McsgdWarning
from mcsgd.kernels import steps
from mcsgd.problems import Custom, LogisticRegression, Problem, custom
from mcsgd.problems.custom_checks import check_indices
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate

L2 = 0.1
X = np.random.default_rng(0).normal(size=(11, 3))
Y = np.arange(11) % 2
START, U, V = np.random.default_rng(1).normal(size=(3, 3))
BUILT_IN = LogisticRegression(X, Y, 3, L2)


def logistic(w, batch, data, out):
    X, y, l2 = data
    out[:] = l2 * w
    for i in batch:
        z = (X[i] * w).sum()
        out += (1 / (1 + np.exp(-z)) - y[i]) / batch.size * X[i]


# The others in loops, which numba compiles faster than whole-array expressions.


def with_absolute_value(w, batch, data, out):
    """Compiles for complex w, and is not analytic in it."""
    X, y, l2 = data
    for j in range(w.size):
        out[j] = l2 * w[j]
    for i in batch:
        z = 0 * w[0]
        for j in range(w.size):
            z += X[i, j] * w[j]
        e = np.exp(-abs(z))
        s = 0.5 + 0.5 * z / abs(z) * (1 - e) / (1 + e)
        for j in range(w.size):
            out[j] += (s - y[i]) / batch.size * X[i, j]


def for_floats_only(w, batch, data, out):
    X, y, l2 = data
    for j in range(w.size):
        out[j] = l2 * w[j]
    for i in batch:
        z = 0.0
        for j in range(w.size):
            z += X[i, j] * w[j]
        slope = 1 / (1 + math.exp(-z)) - y[i] if z > -700 else -float(y[i])
        for j in range(w.size):
            out[j] += slope / batch.size * X[i, j]


def loss(w, batch, data):
    X, y, l2 = data
    total = 0.0
    for i in batch:
        z, penalty = 0.0, 0.0
        for j in range(w.size):
            z += X[i, j] * w[j]
            penalty += w[j] ** 2
        total += math.log1p(math.exp(z)) - y[i] * z + 0.5 * l2 * penalty
    return total / batch.size


def off_in_coordinate_1(w, batch, data, out):
    for_floats_only_compiled(w, batch, data, out)
    out[1] += 1e-3


for_floats_only_compiled = numba.njit(for_floats_only)


def hessian_vector(w, batch, data, v, out):
    X, _, l2 = data
    for j in range(w.size):
        out[j] = l2 * v[j]
    for i in batch:
        z, along = 0.0, 0.0
        for j in range(w.size):
            z += X[i, j] * w[j]
            along += X[i, j] * v[j]
        s = 1 / (1 + math.exp(-z))
        for j in range(w.size):
            out[j] += s * (1 - s) * along / batch.size * X[i, j]


def bowl(w, batch, data, out):
    for j in range(w.size):
        out[j] = w[j]


def make(gradient=logistic, **changes):
    arguments = {"data": (X, Y, L2), "parameters": 3, "examples": 11, "batch_size": 3}
    return Custom(gradient, **{**arguments, **changes})


def refused(gradient=bowl, **changes):
    with pytest.raises(InputError) as caught:
        make(gradient, **changes)
    return [issue.argument for issue in caught.value.issues]


@functools.cache
def shared(gradient, formula=None):
    """A problem that is compiled once for all tests of its behaviour."""
    return make(gradient, hessian_vector=formula)


@pytest.mark.parametrize(
    ("gradient", "formula", "derivatives", "accuracy"),
    [
        (logistic, None, "complex step", 1e-13),
        (logistic, hessian_vector, "formula", 1e-13),
        (with_absolute_value, None, "central difference", 1e-8),
        (for_floats_only, None, "central difference", 1e-8),
    ],
)
def test_derivatives_against_the_built_in_problem(gradient, formula, derivatives, accuracy):
    problem = shared(gradient, formula)
    assert problem.derivatives == derivatives
    for batch in (0, 3, None):
        expected = BUILT_IN.gradient(START, batch)
        np.testing.assert_allclose(problem.gradient(START, batch), expected, rtol=1e-13)
        expected = BUILT_IN.hessian_vector(START, V, batch)
        found = problem.hessian_vector(START, V, batch)
        np.testing.assert_allclose(found, expected, rtol=0, atol=accuracy * np.abs(expected).max())
    expected = BUILT_IN.hessian_vectors(START, V)
    found = problem.hessian_vectors(START, V)
    np.testing.assert_allclose(found, expected, rtol=0, atol=accuracy * np.abs(expected).max())


@pytest.mark.parametrize("formula", [None, hessian_vector])
def test_third_derivative_against_the_built_in_problem(formula):
    problem = shared(logistic, formula)
    for batch in (0, 3, None):
        expected = BUILT_IN.third_derivative(START, U, V, batch)
        found = problem.third_derivative(START, U, V, batch)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(
        problem.third_derivatives(START, U, V), BUILT_IN.third_derivatives(START, U, V), atol=1e-8
    )


@pytest.mark.parametrize("sampling", ["random-order", "reshuffle-examples", "full-batch"])
def test_endpoints_and_flow_against_the_built_in_problem(sampling):
    settings = Settings(0.1, epochs=5, trajectories=20, sampling=sampling)
    cloud, expected = [simulate(problem, START, settings) for problem in (shared(logistic), BUILT_IN)]
    np.testing.assert_allclose(cloud.endpoints, expected.endpoints, rtol=1e-13)
    flow, expected = [
        integrate(problem, START, settings, field="sgd") for problem in (shared(logistic), BUILT_IN)
    ]
    np.testing.assert_allclose(flow.endpoint, expected.endpoint, rtol=1e-12)


@pytest.mark.parametrize(
    ("gradient", "batch_size", "advance"),
    [
        (logistic, 3, steps.eight_at_once),
        (for_floats_only, 3, steps.one_by_one),
        (logistic, 1, steps.one_by_one),
    ],
)
def test_eight_at_once_where_the_code_allows_and_enough_meet(gradient, batch_size, advance, monkeypatch):
    monkeypatch.setattr(custom, "MEETING", 100 if batch_size == 1 else 4)
    problem = shared(gradient)
    assert problem.at_once == (8 if gradient is logistic else 1)
    assert problem.with_batch_size(batch_size).stepper(reshuffled=False).advance is advance
    assert problem.stepper(reshuffled=True).advance is steps.one_by_one


@pytest.mark.parametrize(
    "options",
    [
        {"paths": 3, "momentum": 0.5},
        {"paths": 3, "substeps": 2},
        {"sampling": "with-replacement", "design": "reversed-pairs"},
        {"sampling": "shuffle-once", "snapshots": (1, 3)},
        {"optimizer": "adam", "sampling": "full-batch"},
    ],
    ids=str,
)
def test_eight_at_once_against_the_built_in_problem(options):
    settings = Settings(0.1, epochs=3, trajectories=30, **options)
    cloud, expected = [simulate(problem, START, settings) for problem in (shared(logistic), BUILT_IN)]
    for kept in ("endpoints", "paths", "snapshots"):
        found, wanted = getattr(cloud, kept), getattr(expected, kept)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-14)


def rectified(w, batch, data, out):
    for j in range(w.size):
        out[j] = max(w[j], 0.0) + min(w[j], 0.5)


def projected(w, batch, data, out):
    w /= np.sqrt(np.dot(w, w))
    out[:] = w


def logarithm(w, batch, data, out):
    for j in range(w.size):
        out[j] = np.log(w[j])


def in_its_domain(w, batch, data, out):
    out[:] = w
    if w[0] <= 0:
        raise ValueError("out of my domain")


def strides_on_the_last_batch(w, batch, data, out):
    out[:] = w
    if batch[0] > 8:
        out[0] = w.strides[0]


@pytest.mark.parametrize(
    ("gradient", "at_once"),
    [(rectified, 8), (projected, 1), (logarithm, 8), (in_its_domain, 1), (strides_on_the_last_batch, 1)],
)
def test_eight_at_once_only_where_it_is_the_same(gradient, at_once):
    """Without warnings, though the points where that is tried may be out of the gradient's domain."""
    problem = make(gradient, check_at=[0.1, 0.1, 0.1])
    start = np.array([1.5, 0.8, 1.2])
    settings = Settings(0.01, trajectories=9, seed=1)
    assert problem.at_once == at_once
    found = simulate(problem, start, settings)
    problem.stepper = lambda reshuffled: Problem.stepper(problem, reshuffled)
    np.testing.assert_allclose(found.endpoints, simulate(problem, start, settings).endpoints, rtol=1e-13)


def test_copies_are_not_compiled_again(monkeypatch):
    problem = shared(logistic)
    assert problem.at_once == 8
    monkeypatch.setattr("mcsgd.kernels.across.user_jit", lambda _: pytest.fail("compiled again"))
    assert problem.with_batch_size(4).at_once == 8
    simulate(problem, START, Settings(0.1, sampling="full-batch", trajectories=1))


def test_bytes_of_eight_at_once_do_not_depend_on_neighbours():
    problem = shared(logistic)
    settings = Settings(0.1, epochs=2, trajectories=34, paths=3)
    whole = simulate(problem, START, settings, workers=1, block_size=34)
    for block_size in (1, 3, 16):
        other = simulate(problem, START, settings, workers=2, block_size=block_size)
        assert other.endpoints.tobytes() == whole.endpoints.tobytes()
        assert other.paths.tobytes() == whole.paths.tobytes()


def test_problem_that_has_run_can_be_pickled():
    problem = shared(logistic)
    assert problem.at_once == 8
    settings = Settings(0.1, trajectories=3)
    again = simulate(pickle.loads(pickle.dumps(problem)), START, settings)
    assert again.endpoints.tobytes() == simulate(problem, START, settings).endpoints.tobytes()


def test_loss_that_agrees_with_the_gradient():
    problem = make(for_floats_only, loss=loss)
    np.testing.assert_allclose(problem.loss(START, 3), BUILT_IN.loss(START, 3), rtol=1e-14)
    np.testing.assert_allclose(problem.loss(START), BUILT_IN.loss(START), rtol=1e-14)


@pytest.mark.parametrize("check_at", [None, START])
def test_gradient_that_is_not_the_loss_s(check_at):
    with pytest.warns(McsgdWarning, match="worst at coordinate 1, where") as caught:
        Custom(off_in_coordinate_1, (X, Y, L2), 3, 11, 3, loss=loss, check_at=check_at)
    assert caught[0].filename == __file__


def divides_by_b(w, batch, data, out):
    for_floats_only_compiled(w, batch, data, out)
    for j in range(w.size):
        out[j] = L2 * w[j] + (out[j] - L2 * w[j]) * batch.size / 3


def test_gradient_that_is_wrong_on_the_smaller_last_batch():
    with pytest.warns(McsgdWarning, match="does not agree with loss on batch 3"):
        make(divides_by_b, loss=loss)


def summed(w, batch, data, out):
    for_floats_only_compiled(w, batch, data, out)
    for j in range(w.size):
        out[j] *= -5


def test_a_gradient_that_is_off_by_a_factor():
    """And it is said once, not of each batch."""
    with pytest.warns(McsgdWarning, match="it is -5 times the loss's") as caught:
        make(summed, loss=loss)
    assert len(caught) == 1


def beyond_out(w, batch, data, out):
    out[:] = 0.0
    for i in batch:
        out[3] += w[0] * i


def beyond_the_data(w, batch, data, out):
    _, y, l2 = data
    for j in range(w.size):
        out[j] = w[j] * l2
    for i in batch:
        out[0] += y[i + 1]


@pytest.mark.parametrize(
    ("gradient", "index"), [(beyond_out, "index 3 is out of"), (beyond_the_data, "index 11 is out of")]
)
def test_an_index_out_of_bounds(gradient, index):
    """In the first batch, and in the last alone."""
    with pytest.raises(InputError, match=f"gradient: must index within its arrays, got: {index} bounds"):
        make(gradient)


@pytest.mark.parametrize(
    ("examples", "parameters", "runs"), [(1001, 1, 0), (100, 10_001, 0), (1000, 1000, 1)]
)
def test_much_is_not_run_over_in_plain_python(examples, parameters, runs):
    seen = []
    check_indices(lambda *given: seen.append(given), (), [np.arange(examples)], np.zeros(parameters))
    assert len(seen) == runs


def test_no_data_are_an_empty_tuple():
    with pytest.raises(
        InputError, match="data: must be a tuple of at least one array or number, got an empty"
    ):
        Custom(adds_to_out, (), 3, 11, 3)


def adds_to_out(w, batch, data, out):
    out += w


def sets_nothing(w, batch, data, out):
    out = w  # noqa: F841


@pytest.mark.parametrize("gradient", [adds_to_out, sets_nothing])
def test_gradient_that_depends_on_what_out_held(gradient):
    assert refused(gradient) == ["gradient"]


def test_loss_that_was_not_given():
    with pytest.raises(InputError, match=r"^loss: was not given"):
        shared(logistic).loss(START)


def undefined_name(w, batch, data, out):
    out[:] = nowhere * w  # noqa: F821


def with_statement(w, batch, data, out):
    with open("x") as file:
        out[:] = file


def three_arguments(w, batch, data):
    return w


def returns_the_gradient(w, batch, data, out):
    out[:] = w
    return out


@pytest.mark.parametrize(
    "gradient",
    [
        undefined_name,
        with_statement,
        three_arguments,
        returns_the_gradient,
        functools.partial(bowl),
        "bowl",
        None,
    ],
)
def test_gradient_that_cannot_be_compiled(gradient):
    assert refused(gradient) == ["gradient"]


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("loss", lambda w, batch, data: nowhere),  # noqa: F821
        ("loss", lambda w, batch, data: w),
        ("loss", "bowl"),
        ("hessian_vector", lambda w, batch, data, v, out: nowhere),  # noqa: F821
        ("hessian_vector", "bowl"),
    ],
)
def test_other_functions_that_cannot_be_compiled(name, function):
    assert refused(**{name: function}) == [name]


def test_gradient_that_is_compiled_already():
    np.testing.assert_array_equal(make(numba.njit(bowl)).gradient(START), START)


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"data": [X, Y, L2]}, "data"),
        ({"data": X}, "data"),
        ({"data": ()}, "data"),
        ({"data": (Y, X * np.nan)}, "data[1]"),
        ({"data": (X, np.nan)}, "data[1]"),
        ({"data": (X, "abc")}, "data[1]"),
        ({"data": (X, None)}, "data[1]"),
        ({"data": (X, [[1.0], [1.0, 2.0]])}, "data[1]"),
        ({"parameters": 0}, "parameters"),
        ({"parameters": 3.0}, "parameters"),
        ({"examples": 0}, "examples"),
        ({"batch_size": 12}, "batch_size"),
        ({"batch_size": 0}, "batch_size"),
        ({"check_at": [1.0, 2.0]}, "check_at"),
        ({"check_at": [1.0, 2.0, np.nan]}, "check_at"),
    ],
)
def test_wrong_arguments(changes, argument):
    assert refused(**changes) == [argument]


def test_later_changes_of_the_caller_s_arrays_do_not_reach_the_problem():
    mine = X.copy(), Y.copy(), L2
    problem = make(for_floats_only, data=mine)
    digest, gradient = problem.digest(), problem.gradient(START)
    mine[0][:] = 0
    mine[1][:] = 1 - mine[1]
    np.testing.assert_array_equal(problem.gradient(START), gradient)
    assert problem.digest() == digest


def twice_bowl(w, batch, data, out):
    for j in range(w.size):
        out[j] = 2 * w[j]


@pytest.mark.parametrize(
    ("gradient", "changes"),
    [
        (twice_bowl, {}),
        (bowl, {"data": (X, 1 - Y, L2)}),
        (bowl, {"data": (X, Y, 0.2)}),
        (bowl, {"batch_size": 4}),
        (bowl, {"examples": 10}),
    ],
    ids=["source", "array", "number", "batch_size", "examples"],
)
def test_digest_changes_with_source_and_data(gradient, changes):
    assert make(gradient, **changes).digest() != shared(bowl).digest() == make(bowl).digest()


def with_number(steepness):
    def gradient(w, batch, data, out):
        for j in range(w.size):
            out[j] = steepness * w[j]

    return gradient


def with_array(steepness):
    table = np.full(3000, 1.0)
    table[1500] = steepness

    def gradient(w, batch, data, out):
        for j in range(w.size):
            out[j] = table[1500] * w[j]

    return gradient


def with_function(steepness):
    steep = numba.njit(with_number(steepness))

    def gradient(w, batch, data, out):
        steep(w, batch, data, out)

    return gradient


@pytest.mark.parametrize("capturing", [with_number, with_array, with_function])
def test_digest_changes_with_what_the_function_captures(capturing):
    one, same, other = [make(capturing(steepness)).digest() for steepness in (1.0, 1.0, 2.0)]
    assert one == same != other


@pytest.mark.parametrize("workers", [1, 2])
def test_exception_in_the_gradient_comes_out_of_simulate(workers):
    def gradient(w, batch, data, out):
        out[:] = w
        if w[0] > 0.5 and batch[0] == 9:
            raise ValueError("out of my domain")

    problem = make(gradient)
    settings = Settings(0.01, trajectories=50)
    assert simulate(problem, [0.1, 0.0, 0.0], settings).diverged == 0
    with pytest.raises(ValueError, match="out of my domain"):
        simulate(problem, [1.0, 0.0, 0.0], settings, workers=workers, block_size=10)
