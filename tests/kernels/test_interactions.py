import numpy as np
import pytest

from mcsgd.kernels.interactions import interactions


@pytest.mark.parametrize("problem", ["scalar-factorization", "logistic"], indirect=True)
def test_against_plain_sums(problem):
    """Also with the smaller last batch anywhere in the order."""
    rng = np.random.default_rng(0)
    n, m, N, B, d = 6, problem.batches, problem.examples, problem.batch_size, problem.parameters
    w = rng.normal(size=d) * 0.5
    orders, examples = (
        np.array([rng.permutation(m) for _ in range(n)]),
        np.array([rng.permutation(N) for _ in range(n)]),
    )
    sums, xi = np.full((2, n, d), np.nan)
    kernels = problem.kernels
    interactions(kernels.gradient, kernels.hessian_vector, w, orders, examples, B, problem.data, sums, xi)
    for t in range(n):
        batches = [examples[t, k * B : (k + 1) * B] for k in orders[t]]
        gradients = [problem.gradient(w, batch) for batch in batches]
        pairs = [problem.hessian_vector(w, gradients[i], batches[j]) for j in range(m) for i in range(j)]
        np.testing.assert_allclose(
            sums[t], np.sum(gradients, axis=0), rtol=0, atol=1e-12 * np.abs(sums).max()
        )
        np.testing.assert_allclose(xi[t], np.sum(pairs, axis=0), rtol=0, atol=1e-12 * np.abs(xi).max())
