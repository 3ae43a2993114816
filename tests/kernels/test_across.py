import math

import numba
import numpy as np
import pytest

from mcsgd.kernels.across import across
from mcsgd.kernels.emit import LANES
from mcsgd.kernels.jit import INDICES, VECTOR, user_jit

D = 5
RNG = np.random.default_rng(0)
X, Y, COUNTS = RNG.normal(size=(12, D)), RNG.normal(size=12), np.arange(12)
for _array in (X, Y, COUNTS):
    _array.flags.writeable = False
DATA = X, Y, 0.1, COUNTS
TYPE = numba.typeof(DATA)
BATCH = np.array([7, 2, 9])
POINTS = RNG.normal(size=(LANES, D))


def loops(w, batch, data, out):
    X, y, l2, _ = data
    for j in range(w.size):
        out[j] = l2 * w[j]
    for i in batch:
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        s = 1 / (1 + np.exp(-z)) - y[i]
        for j in range(w.shape[0]):
            out[j] += s * X[i, j] / batch.size


def whole_arrays(w, batch, data, out):
    X, y, l2, _ = data
    out[:] = l2 * w
    for i in batch:
        out += (np.exp((X[i] * w).sum()) - y[i]) * X[i] / batch.size
        out -= 0.1
        out *= 1 - w / 9
        out /= 1.25


def products_and_functions_of_arrays(w, batch, data, out):
    X, _, _, _ = data
    out[:] = 0
    for i in batch:
        r = np.tanh(w - X[i])
        out += np.dot(X[i], w) * r + (w @ w) * -np.square(r)


def functions(w, batch, data, out):
    a = abs(w[1])
    out[0] = math.sin(w[0]) + np.cos(w[1]) + math.tan(w[0] / 9) + np.arctan(w[1]) + math.sinh(w[0])
    out[1] = np.log(a) + math.log1p(a) + np.log2(a) + np.log10(a) + math.expm1(w[2]) + np.cosh(w[1])
    out[2] = np.sqrt(a) + math.fabs(w[3]) + np.sign(w[2]) + np.arcsin(a / 9) + np.arccos(a / 9)
    out[3] = w[0] ** 2 + w[1] ** 3 + w[2] ** -2 + a**0.5 + w[3] ** 0
    out[4] = np.tanh(w[4]) + math.tanh(a) + math.exp(w[4])


def choices(w, batch, data, out):
    out[0] = max(w[0], 0.0) + min(1, w[1])
    out[1] = np.maximum(0.1, w[1]) - np.minimum(w[2], w[3])
    out[2] = np.where((w[0] > 0.1) & (w[1] <= 0.2), w[3], 0.0)
    out[3] = np.where((w[0] < 0.1) | (w[1] >= 0.2), 2, w[3])
    out[4] = w[4]


def a_network(w, batch, data, out):
    X, y, _, counts = data
    A, b = w[:4].reshape(2, 2), w[4]
    out[:] = 0.0
    for i in batch:
        inputs = X[i, :2].copy()
        for h in range(2):
            z = np.tanh(np.dot(A[h], inputs))
            slope = (z * b - y[i]) * (1 - z * z) + counts[i]
            for j in range(2):
                out[2 * h + j] += slope * inputs[j]
            out[4] += z


def scratch_arrays(w, batch, data, out):
    squares, sums = np.empty_like(w), np.zeros_like(w)
    copy = w.copy()
    for j in range(w.size):
        squares[j] = copy[j] ** 2
        sums[j] += squares[j] + w[1:].sum()
    out[:] = sums


def single_elements(w, batch, data, out):
    _, y, _, _ = data
    out[:] = w * w[:1] + y[:1] * w
    for i in batch:
        out += y[i : i + 1]
        out *= w[1:2]


def powers(w, batch, data, out):
    z = w[0]
    z **= 2
    out[:] = w**2 + w**3 - 2.0 * w**-1 + z + 1.5 ** w[1] + abs(w[2]) ** w[3]
    out **= 2


SAME = [
    single_elements,
    powers,
    loops,
    whole_arrays,
    products_and_functions_of_arrays,
    functions,
    choices,
    a_network,
    scratch_arrays,
]


def one_by_one(function, points):
    compiled, results = user_jit(function), []
    for point in points:
        out = np.empty(D)
        compiled(point.copy(), BATCH, DATA, out)
        results.append(out)
    return np.array(results)


def all_at_once(compiled, points):
    out = np.full((D, LANES), 7.0)
    compiled(np.ascontiguousarray(points.T).ravel(), BATCH, DATA, out.reshape(-1))
    return out.T


@pytest.mark.parametrize("function", SAME)
def test_each_lane_is_what_the_function_gives_alone(function):
    expected = one_by_one(function, POINTS)
    found = all_at_once(across(function, TYPE), POINTS)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("function", SAME)
@pytest.mark.parametrize("strange", [np.nan, np.inf, -800.0, 800.0])
def test_lanes_do_not_mix(function, strange):
    compiled = across(function, TYPE)
    expected = all_at_once(compiled, POINTS)
    points = POINTS.copy()
    points[3] = strange
    found = all_at_once(compiled, points)
    others = np.arange(LANES) != 3
    assert found[others].tobytes() == expected[others].tobytes()
    assert not np.isfinite(found[3]).all() or not np.isnan(strange)


def far_out(w, batch, data, out):
    out[0], out[1] = np.exp(w[0]), math.exp(w[1])
    out[2] = np.maximum(w[2], 1.0) + np.minimum(1.0, w[2])
    out[3] = 1 / w[3]
    out[4] = np.tanh(w[4])


@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf, 0.0, -0.0, 708.9, 710.0, -745.0, -760.0])
def test_edges(x):
    """What exp(x) has below the smallest normal number is 0."""
    points = np.where(np.arange(LANES)[:, None] % 2, x, POINTS)
    found, expected = all_at_once(across(far_out, TYPE), points), one_by_one(far_out, points)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=3e-308)


def decides(w, batch, data, out):
    out[:] = w if w[0] > 0 else 2 * w


def takes_as_true(w, batch, data, out):
    out[:] = 1.0
    while w[0]:
        out[0] += 1.0


def rounds(w, batch, data, out):
    out[:] = int(w[0]) * w


def indexes(w, batch, data, out):
    out[:] = w[int(w[0])]


def keeps_in_an_array_of_numbers(w, batch, data, out):
    kept = np.zeros(w.size)
    for j in range(w.size):
        kept[j] = w[j]
    out[:] = kept


def multiplies_matrices(w, batch, data, out):
    X, y, _, _ = data
    out[:] = X[batch].T @ (X[batch] @ w - y[batch])


@pytest.mark.parametrize(
    "function",
    [decides, takes_as_true, rounds, indexes, keeps_in_an_array_of_numbers, multiplies_matrices],
)
def test_other_code_runs_one_by_one(function):
    user_jit(function).compile((VECTOR, INDICES, TYPE, VECTOR))
    assert across(function, TYPE) is None
