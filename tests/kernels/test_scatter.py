"""Mean and scatter by the kernel are those that NumPy finds."""

import numpy as np
import pytest

from mcsgd.kernels.scatter import BLOCK, FEW, mean_and_scatter
from mcsgd.moments import Moments


@pytest.mark.parametrize("n", [1, 2, 9, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
@pytest.mark.parametrize("d", [1, 2, 7, FEW, FEW + 1, 20, 31, 32, 41, 75])
def test_as_numpy(d, n):
    """For lanes of vectors and of parameters; panels of four, two and one; several blocks, and parts of one."""
    sample = 1e6 + np.random.default_rng(d * n).normal(size=(n, d))  # cancellation would lose half the digits
    mean, scatter = mean_and_scatter(sample)
    deviations = sample - sample[0]
    expected = deviations.mean(axis=0)
    deviations -= expected
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(scatter, deviations.T @ deviations, rtol=0, atol=1e-14 * n)
    assert (scatter == scatter.T).all()


def test_far_smaller_than_where_they_are():
    sample = 1 + 1e-10 * np.random.default_rng(0).normal(size=(3000, 3))
    mean, scatter = mean_and_scatter(sample)
    plain = Moments.of(sample)
    np.testing.assert_allclose(sample[0] + mean, plain.mean, rtol=1e-15)
    np.testing.assert_allclose(scatter, plain.scatter, rtol=1e-12)
