"""The vector functions against extended precision: errors in units in the last place, over the range."""

import numpy as np
import pytest

from mcsgd.kernels import vmath
from mcsgd.kernels.jit import jit
from mcsgd.kernels.simd import load, store


def over_array(function):
    @jit
    def apply(x, out):
        i = 0
        while i < x.size:
            store(out, i, function(load(x, i)))
            i += 8

    def values(x):
        out = np.empty(-(-len(x) // 8) * 8)
        apply(np.resize(np.asarray(x, float), len(out)), out)
        return out[: len(x)]

    return values


exp, tanh, logistic = over_array(vmath.exp), over_array(vmath.tanh), over_array(vmath.logistic)


def ulps(got, exact):
    return float(np.max(np.abs(got - exact) / np.spacing(np.abs(exact.astype(float)))))


RNG = np.random.default_rng(0)
WIDE, NARROW = RNG.uniform(-1, 1, 200_000), RNG.normal(size=200_000)
NEAR_TIES = np.log(2) * (np.arange(-1000, 1000) + 0.5)  # where the reduction changes k
TINY = 10 ** RNG.uniform(-320, 0, 20_000) * RNG.choice([-1, 1], 20_000)


@pytest.mark.parametrize("x", [708 * WIDE, NARROW, NEAR_TIES, [0.0, -0.0, 709.0, -708.0, 1e-300]])
def test_exp(x):
    x = np.asarray(x, float)
    assert ulps(exp(x), np.exp(x.astype(np.longdouble))) <= 2


@pytest.mark.parametrize(
    "x", [22 * WIDE, NARROW, NEAR_TIES[980:1020], TINY, [0.0, 18.7, 20.0, 1e300, 1e-310]]
)
def test_tanh(x):
    x = np.asarray(x, float)
    assert ulps(tanh(x), np.tanh(x.astype(np.longdouble))) <= 2
    np.testing.assert_array_equal(tanh(-x), -tanh(x))


@pytest.mark.parametrize("x", [170 * WIDE, NARROW, NEAR_TIES[750:1250], [0.0, 36.7, -170.0]])
def test_logistic(x):
    x = np.asarray(x, float)
    assert ulps(logistic(x), 1 / (1 + np.exp(-x.astype(np.longdouble)))) <= 4


@jit
def logistic_of_32(x, out):
    a, b, c, d = vmath.logistic_4(load(x, 0), load(x, 8), load(x, 16), load(x, 24))
    store(out, 0, a)
    store(out, 8, b)
    store(out, 16, c)
    store(out, 24, d)


def test_logistic_by_a_shared_division():
    for scale in (1, 30, 176, 1000):
        x, out = scale * WIDE[:32], np.empty(32)
        logistic_of_32(x, out)
        assert ulps(out, logistic(x).astype(np.longdouble)) <= 6


def test_beyond_the_range():
    np.testing.assert_array_equal(exp([-1e300, -np.inf]), [exp([-708.0])[0]] * 2)
    np.testing.assert_array_equal(exp([1e300, np.inf]), [exp([709.0])[0]] * 2)
    np.testing.assert_array_equal(tanh([np.inf, -np.inf, 30.0]), [1, -1, 1])
    assert logistic([np.inf, 1e300]).tolist() == [1, 1]
    assert (logistic([-np.inf, -1e300]) < 1e-76).all()
    for function in (exp, tanh, logistic):
        assert np.isnan(function([np.nan])).all()
