"""SGD written out, with nothing of the package: gradients in NumPy, sequences of batches by itertools."""

from itertools import chain, permutations, product

import numpy as np


def factorization(x, y):
    def gradient(w, rows):
        slope = np.mean((w[0] * w[1] * x[rows] - y[rows]) * x[rows])
        return slope * w[::-1]

    return gradient


def quadratic(hessians, centers):
    return lambda w, rows: np.mean([hessians[i] @ (w - centers[i]) for i in rows], axis=0)


def linear(X, y, l2):
    return lambda w, rows: X[rows].T @ (X[rows] @ w - y[rows]) / len(rows) + l2 * w


def logistic(X, y, l2):
    return lambda w, rows: X[rows].T @ (1 / (1 + np.exp(-X[rows] @ w)) - y[rows]) / len(rows) + l2 * w


def batches(examples, batch_size):
    return [np.arange(k, min(k + batch_size, examples)) for k in range(0, examples, batch_size)]


def epoch_of_examples(order, batch_size):
    return [np.array(order[k : k + batch_size]) for k in range(0, len(order), batch_size)]


def sequences(sampling, examples, batch_size, epochs):
    """All equally likely sequences of batches, as lists of example indices (some more than once)."""
    fixed = batches(examples, batch_size)
    if sampling == "with-replacement":
        return [list(s) for s in product(fixed, repeat=epochs * len(fixed))]
    if sampling == "reshuffle-examples":
        orders = [epoch_of_examples(order, batch_size) for order in permutations(range(examples))]
    else:
        orders = [list(order) for order in permutations(fixed)]
    if sampling == "shuffle-once":
        return [epochs * order for order in orders]
    return [list(chain(*several)) for several in product(orders, repeat=epochs)]


def moments(gradient, start, step_size, all_sequences):
    """Mean and covariance of the endpoints."""
    ends = []
    for sequence in all_sequences:
        w = np.array(start, float)
        for rows in sequence:
            w = w - step_size * gradient(w, rows)
        ends.append(w - start)
    gaps = ends - np.mean(ends, axis=0)
    return start + np.mean(ends, axis=0), gaps.T @ gaps / len(ends)


def assert_same(solution, expected):
    """To the rounding of plain endpoints, by which a covariance is less exact."""
    mean, covariance = expected
    scale = np.abs(mean).max()
    np.testing.assert_allclose(solution.mean, mean, rtol=0, atol=1e-14 * scale)
    rounding = 1e-15 * scale * np.sqrt(np.trace(covariance))
    np.testing.assert_allclose(solution.covariance, covariance, rtol=1e-12, atol=3 * rounding)
