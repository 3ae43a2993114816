"""Kernels of generalised linear models: per example f(z, y) with z = x . w, plus (l2/2) |w|^2.

data = (X (N, d), y (N,), l2, family). A family is one branch of `link`.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import jit, jit_sum

SQUARED, LOGISTIC = 0, 1


@jit
def sigmoid(z):
    """Return 1 / (1 + exp(-z)) without overflow."""
    e = np.exp(-abs(z))
    return 1.0 / (1.0 + e) if z >= 0.0 else e / (1.0 + e)


@jit
def link_loss(family, z, y):
    """Return f(z, y)."""
    if family == LOGISTIC:
        return max(z, 0.0) + np.log1p(np.exp(-abs(z))) - y * z
    return 0.5 * (z - y) ** 2


@jit
def link_slope(family, z, y):
    """Return f'(z, y)."""
    if family == LOGISTIC:
        return sigmoid(z) - y
    return z - y


@jit
def link_curvatures(family, z):
    """Return f''(z) and f'''(z), which do not depend on y."""
    if family == LOGISTIC:
        s = sigmoid(z)
        return s * (1.0 - s), s * (1.0 - s) * (1.0 - 2.0 * s)
    return 1.0, 0.0


@jit_sum
def row_dot(X, i, w):
    """Return X[i] . w."""
    total = 0.0
    for j in range(w.size):
        total += X[i, j] * w[j]
    return total


@jit
def add_row(out, c, X, i):
    """Out += c X[i]."""
    for j in range(out.size):
        out[j] += c * X[i, j]


@jit
def loss(w, batch, data):
    """Return the batch loss."""
    X, y, l2, family = data
    total = 0.0
    for i in batch:
        total += link_loss(family, row_dot(X, i, w), y[i])
    penalty = 0.0
    for j in range(w.size):
        penalty += w[j] * w[j]
    return total / batch.size + 0.5 * l2 * penalty


@jit
def gradient(w, batch, data, out):
    """Fill in mean_i f'(z_i) x_i + l2 w."""
    X, y, l2, family = data
    for j in range(w.size):
        out[j] = l2 * w[j]
    for i in batch:
        add_row(out, link_slope(family, row_dot(X, i, w), y[i]) / batch.size, X, i)


@jit
def hessian_vector(w, batch, data, v, out):
    """Fill in mean_i f''(z_i) (x_i . v) x_i + l2 v."""
    X, _, l2, family = data
    for j in range(w.size):
        out[j] = l2 * v[j]
    for i in batch:
        second, _ = link_curvatures(family, row_dot(X, i, w))
        add_row(out, second * row_dot(X, i, v) / batch.size, X, i)


@jit
def third_derivative(w, batch, data, u, v, out):
    """Fill in mean_i f'''(z_i) (x_i . u) (x_i . v) x_i."""
    X, _, _, family = data
    out[:] = 0.0
    for i in batch:
        _, third = link_curvatures(family, row_dot(X, i, w))
        add_row(out, third * row_dot(X, i, u) * row_dot(X, i, v) / batch.size, X, i)
