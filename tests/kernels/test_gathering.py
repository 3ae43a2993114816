import numpy as np
import pytest

from mcsgd.kernels.gathering import collect, displace, gather, gather_pairs, lookup
from mcsgd.kernels.jit import jit
from mcsgd.kernels.simd import load, store

INDEX = np.array([-1, 0, 7, 3, 3, 5, 1, 2, 9])  # the first one is not looked at


@jit
def gathered(x, index, out):
    store(out, 0, gather(x, 2, load(index, 1)))


@jit
def looked_up(x, index, out):
    store(out, 0, lookup(x, 2, load(index, 1)))


@pytest.mark.parametrize(
    ("function", "dtype"), [(gathered, np.float64), (gathered, np.int64), (looked_up, np.float64)]
)
def test_one_number_a_lane(function, dtype):
    x, out = np.arange(20, dtype=dtype) ** 2, np.empty(8, dtype)
    function(x, INDEX, out)
    np.testing.assert_array_equal(out, x[INDEX[1:] + 2])


@jit
def paired(x, index, out):
    first, second = gather_pairs(x, index, 1)
    store(out, 0, first)
    store(out, 8, second)


def test_pairs():
    x, out = np.random.default_rng(0).normal(size=(10, 2)), np.empty(16)
    paired(x, INDEX, out)
    np.testing.assert_array_equal(out.reshape(2, 8), x[INDEX[1:]].T)


@jit
def collected(x, index, out):
    collect(x, x.shape[1], 3, index, 1, out, 4)


def test_rows():
    x, out = np.random.default_rng(0).normal(size=(10, 24)), np.zeros(68)
    collected(x, INDEX, out)
    np.testing.assert_array_equal(out[4:].reshape(8, 8), x[INDEX[1:], 3:11].T)
    assert (out[:4] == 0).all()


@jit
def displaced(x, index, last):
    displace(x, 2, x.shape[1], load(index, 0), last)


def test_displaced():
    """The last place's number is written first: a lane that picks it ends with the new number."""
    places = np.array([0, 6, 3, 3, 5, 1, 2, 6])
    x = np.arange(80).reshape(8, 10)
    plain = x.copy()
    for lane, place in enumerate(places):
        plain[6, 2 + lane] = plain[place, 2 + lane]
        plain[place, 2 + lane] = 6
    displaced(x, places, 6)
    np.testing.assert_array_equal(x, plain)
