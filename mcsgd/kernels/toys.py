"""Kernels of the a b x factorisation and of quadratic batches."""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import jit

# Scalar factorisation: w = (a, b), per example C_i = (a b x_i - y_i)^2 / 2. It is a function of
# p = a b alone, c(p), with c' = x (p x - y) and c'' = x^2; dp[u] = b u_0 + a u_1,
# d2p[u, v] = u_0 v_1 + u_1 v_0.


@jit
def factorization_moments(w, batch, data):
    """Return the batch means of c, c', c''."""
    x, y = data
    p = w[0] * w[1]
    c, c1, c2 = 0.0, 0.0, 0.0
    for i in batch:
        r = p * x[i] - y[i]
        c += 0.5 * r * r
        c1 += r * x[i]
        c2 += x[i] * x[i]
    return c / batch.size, c1 / batch.size, c2 / batch.size


@jit
def factorization_loss(w, batch, data):
    """Return the batch loss."""
    return factorization_moments(w, batch, data)[0]


@jit
def factorization_gradient(w, batch, data, out):
    """Fill in the batch gradient, c' (b, a)."""
    _, c1, _ = factorization_moments(w, batch, data)
    out[0] = c1 * w[1]
    out[1] = c1 * w[0]


@jit
def factorization_hessian_vector(w, batch, data, v, out):
    """Fill in c'' dp[v] (b, a) + c' (v_1, v_0)."""
    _, c1, c2 = factorization_moments(w, batch, data)
    dp = w[1] * v[0] + w[0] * v[1]
    out[0] = c2 * dp * w[1] + c1 * v[1]
    out[1] = c2 * dp * w[0] + c1 * v[0]


@jit
def factorization_third_derivative(w, batch, data, u, v, out):
    """Fill in c'' (d2p[u, v] (b, a) + dp[u] (v_1, v_0) + dp[v] (u_1, u_0)); c''' = 0."""
    _, _, c2 = factorization_moments(w, batch, data)
    du = w[1] * u[0] + w[0] * u[1]
    dv = w[1] * v[0] + w[0] * v[1]
    duv = u[0] * v[1] + u[1] * v[0]
    out[0] = c2 * (duv * w[1] + du * v[1] + dv * u[1])
    out[1] = c2 * (duv * w[0] + du * v[0] + dv * u[0])


# Quadratic: example i has C_i = (w - c_i)^T H_i (w - c_i) / 2, data = (hessians (N, d, d), centers (N, d)).


@jit
def quadratic_loss(w, batch, data):
    """Return the batch loss."""
    hessians, centers = data
    total = 0.0
    for i in batch:
        for j in range(w.size):
            row = 0.0
            for k in range(w.size):
                row += hessians[i, j, k] * (w[k] - centers[i, k])
            total += 0.5 * row * (w[j] - centers[i, j])
    return total / batch.size


@jit
def quadratic_gradient(w, batch, data, out):
    """Fill in the batch gradient."""
    hessians, centers = data
    out[:] = 0.0
    for i in batch:
        for j in range(w.size):
            row = 0.0
            for k in range(w.size):
                row += hessians[i, j, k] * (w[k] - centers[i, k])
            out[j] += row / batch.size


@jit
def quadratic_hessian_vector(w, batch, data, v, out):
    """Fill in the batch Hessian times v."""
    hessians, _ = data
    out[:] = 0.0
    for i in batch:
        for j in range(w.size):
            row = 0.0
            for k in range(w.size):
                row += hessians[i, j, k] * v[k]
            out[j] += row / batch.size


@jit
def quadratic_third_derivative(w, batch, data, u, v, out):
    """Fill in zeros."""
    out[:] = np.float64(0.0)
