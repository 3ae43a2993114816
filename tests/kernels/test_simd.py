import numpy as np

from mcsgd.kernels import simd
from mcsgd.kernels.jit import jit
from mcsgd.kernels.simd import load, splat, store


@jit
def floats(x, y, z, out):
    a, b, c = load(x, 0), load(y, 0), load(z, 0)
    store(out, 0, a + b)
    store(out, 8, a - b)
    store(out, 16, a * b)
    store(out, 24, a / b)
    store(out, 32, -a)
    store(out, 40, simd.magnitude(a))
    store(out, 48, simd.select(a < b, a, c))
    store(out, 56, simd.select(a > b, a, c))
    store(out, 64, simd.fma(a, b, c))
    store(out, 72, splat(2.5))
    out[80] = simd.total(a)


def test_floats():
    x, y, z = np.random.default_rng(0).normal(size=(3, 8))
    out = np.empty(81)
    floats(x, y, z, out)
    plain = [x + y, x - y, x * y, x / y, -x, abs(x), np.where(x < y, x, z), np.where(x > y, x, z)]
    np.testing.assert_array_equal(out[:64].reshape(8, 8), plain)
    fused = [float(a) for a in (x.astype(np.longdouble) * y + z)]
    np.testing.assert_allclose(out[64:72], fused, rtol=3e-16)
    assert (out[72:80] == 2.5).all()
    assert out[80] == ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]))


def test_fma_rounds_once():
    """(1 + u)(1 - u) - 1 = -u^2 would be 0 if the product were rounded."""
    u = 2.0**-40
    out = np.empty(81)
    floats(np.full(8, 1 + u), np.full(8, 1 - u), np.full(8, -1.0), out)
    assert (out[64:72] == -(u**2)).all()


@jit
def integers(x, y, out):
    a, b = load(x, 0), load(y, 0)
    store(out, 0, a + b)
    store(out, 8, a - b)
    store(out, 16, a * b)
    store(out, 24, a & b)
    store(out, 32, a | b)
    store(out, 40, a ^ b)
    store(out, 48, a << splat(3))
    store(out, 56, a >> splat(3))
    store(out, 64, simd.as_int(simd.as_float(a) + simd.as_float(b)))


def test_integers():
    x, y = np.random.default_rng(0).integers(-(2**62), 2**62, size=(2, 8))
    out = np.empty(72, np.int64)
    integers(x, y, out)
    shifted = (x.view(np.uint64) >> np.uint64(3)).view(np.int64)
    with np.errstate(over="ignore"):
        plain = [
            x + y,
            x - y,
            x * y,
            x & y,
            x | y,
            x ^ y,
            x << 3,
            shifted,
            (x.view(float) + y.view(float)).view(np.int64),
        ]
    np.testing.assert_array_equal(out.reshape(9, 8), plain)


@jit
def transposed(x, out):
    simd.transpose(x, 3, 9, out, 1, 10)


def test_transpose():
    x, out = np.random.default_rng(0).normal(size=80), np.zeros(80)
    transposed(x, out)
    rows = np.lib.stride_tricks.as_strided(x[3:], (8, 8), (72, 8))
    columns = np.lib.stride_tricks.as_strided(out[1:], (8, 8), (80, 8))
    np.testing.assert_array_equal(columns, rows.T)
