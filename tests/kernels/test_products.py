import numpy as np
import pytest

from mcsgd.kernels.products import aligned, multiply, multiply_into, padded


@pytest.mark.parametrize("height", [1, 2, 3, 5, 6, 7, 13])
@pytest.mark.parametrize("vectors", [1, 2, 3, 4, 7, 9])
@pytest.mark.parametrize(("count", "step"), [(1, 1), (2, 3), (31, 1)])
def test_against_numpy(height, vectors, count, step):
    rng = np.random.default_rng(height)
    scalars, rows = rng.normal(size=2000), rng.normal(size=(count + 1, 8 * vectors))
    bases = rng.integers(0, 2000 - count * step, height)
    out = np.full((height, 8 * vectors + 1), 7.0)
    multiply(
        scalars,
        bases,
        height,
        step,
        rows.ravel(),
        8 * vectors,
        8 * vectors,
        count,
        vectors,
        out.ravel(),
        0,
        8 * vectors + 1,
    )
    a = np.array([scalars[b : b + count * step : step] for b in bases])
    np.testing.assert_allclose(out[:, :-1], a @ rows[1:], rtol=1e-13, atol=1e-13)
    assert (out[:, -1] == 7).all()


@pytest.mark.parametrize("height", [1, 2, 5, 7, 13])
@pytest.mark.parametrize("vectors", [1, 3, 6, 8])
def test_steps_against_numpy(height, vectors):
    rng = np.random.default_rng(height)
    scalars, rows, out = (
        rng.normal(size=400),
        rng.normal(size=(9, 8 * vectors)),
        rng.normal(size=20 * 8 * vectors),
    )
    bases = rng.integers(0, 391, height)
    places = rng.permutation(20)[:height] * 8 * vectors
    expected = out.copy()
    for base, place in zip(bases, places, strict=True):
        row = expected[place : place + 8 * vectors]
        row[:] = 0.75 * row - 0.3 * scalars[base : base + 9] @ rows
    multiply_into(
        scalars, bases, height, 1, rows.ravel(), 0, 8 * vectors, 9, vectors, out, places, 0.75, -0.3
    )
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


def test_bits_do_not_depend_on_what_goes_together():
    rng = np.random.default_rng(0)
    scalars, rows, bases = rng.normal(size=400), rng.normal(size=30 * 72), np.arange(13) * 30
    together, alone = np.empty(13 * 72), np.empty(72)
    multiply(scalars, bases, 13, 1, rows, 0, 72, 30, 9, together, 0, 72)
    for g in range(13):
        multiply(scalars, bases[g:], 1, 1, rows, 0, 72, 30, 9, alone, 0, 72)
        assert together[g * 72 : (g + 1) * 72].tobytes() == alone.tobytes()


def test_aligned():
    for size in (1, 8, 100):
        assert aligned(size).ctypes.data % 64 == 0
        assert aligned(size).size == size
    assert [padded(n) for n in (0, 1, 8, 9)] == [0, 8, 8, 16]
