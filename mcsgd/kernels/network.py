"""Kernels of a network with one hidden tanh layer: output W2 tanh(W1 x + b1) + b2.

w = (W1 (h, p), b1 (h), W2 (K, h), b2 (K)) flattened in C order. data = (X (N, p), Y (N, K), h,
output, l2); the output's loss is |o - y|^2 / 2 (SQUARED) or softmax cross entropy with one-hot y
(SOFTMAX). Subscripts u, v, uv below are directional derivatives along u, v, and both in turn.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import jit, jit_sum
from mcsgd.kernels.softmax import curvature, softmax, third_curvature

SQUARED, SOFTMAX = 0, 1


@jit
def layers(w, inputs, hidden, outputs):
    """Return views W1, b1, W2, b2 of a flat parameter vector."""
    a = hidden * inputs
    b = a + hidden
    c = b + outputs * hidden
    return w[:a].reshape(hidden, inputs), w[a:b], w[b:c].reshape(outputs, hidden), w[c:]


@jit_sum
def affine(W, b, x, out):
    """Out = W x + b."""
    for i in range(out.size):
        total = b[i]
        for j in range(x.size):
            total += W[i, j] * x[j]
        out[i] = total


@jit_sum
def add_product(W, x, out):
    """Out += W x."""
    for i in range(out.size):
        total = 0.0
        for j in range(x.size):
            total += W[i, j] * x[j]
        out[i] += total


@jit
def add_transposed(W, x, out):
    """Out += W^T x."""
    for i in range(x.size):
        for j in range(out.size):
            out[j] += W[i, j] * x[i]


@jit
def add_outer(W, scale, a, b):
    """W += scale a b^T."""
    for i in range(a.size):
        s = scale * a[i]
        for j in range(b.size):
            W[i, j] += s * b[j]


@jit
def add_scaled(out, scale, a):
    """Out += scale a."""
    for i in range(out.size):
        out[i] += scale * a[i]


@jit
def output_slope(output, o, y, p, delta):
    """Fill delta = d loss / d o (and p with the softmax); return the loss."""
    if output == SOFTMAX:
        value = softmax(o, p) * y.sum()
        for k in range(o.size):
            value -= y[k] * o[k]
            delta[k] = p[k] - y[k]
        return value
    value = 0.0
    for k in range(o.size):
        delta[k] = o[k] - y[k]
        value += 0.5 * delta[k] * delta[k]
    return value


@jit
def output_curvature(output, p, a, out):
    """Out = second derivative of the output's loss along a."""
    if output == SOFTMAX:
        curvature(p, a, out)
    else:
        out[:] = a


@jit
def loss(w, batch, data):
    """Return the batch loss."""
    X, Y, hidden, output, l2 = data
    W1, b1, W2, b2 = layers(w, X.shape[1], hidden, Y.shape[1])
    a, o = np.empty(hidden), np.empty(Y.shape[1])
    p, delta = np.empty_like(o), np.empty_like(o)
    total = 0.0
    for i in batch:
        affine(W1, b1, X[i], a)
        affine(W2, b2, np.tanh(a), o)
        total += output_slope(output, o, Y[i], p, delta)
    return total / batch.size + 0.5 * l2 * (w * w).sum()


@jit
def gradient(w, batch, data, out):
    """Fill in the batch gradient by backpropagation."""
    X, Y, hidden, output, l2 = data
    W1, b1, W2, b2 = layers(w, X.shape[1], hidden, Y.shape[1])
    G1, c1, G2, c2 = layers(out, X.shape[1], hidden, Y.shape[1])
    a, e, o = np.empty(hidden), np.empty(hidden), np.empty(Y.shape[1])
    p, delta = np.empty_like(o), np.empty_like(o)
    scale = 1.0 / batch.size
    for j in range(w.size):
        out[j] = l2 * w[j]
    for i in batch:
        affine(W1, b1, X[i], a)
        for h in range(hidden):
            a[h] = np.tanh(a[h])
        affine(W2, b2, a, o)
        output_slope(output, o, Y[i], p, delta)
        add_outer(G2, scale, delta, a)
        add_scaled(c2, scale, delta)
        e[:] = 0.0
        add_transposed(W2, delta, e)
        for h in range(hidden):
            e[h] *= 1.0 - a[h] * a[h]
        add_outer(G1, scale, e, X[i])
        add_scaled(c1, scale, e)


@jit
def hessian_vector(w, batch, data, v, out):
    """Fill in the batch Hessian times v: the derivative of `gradient` along v, line by line."""
    X, Y, hidden, output, l2 = data
    W1, b1, W2, b2 = layers(w, X.shape[1], hidden, Y.shape[1])
    V1, v1, V2, v2 = layers(v, X.shape[1], hidden, Y.shape[1])
    G1, c1, G2, c2 = layers(out, X.shape[1], hidden, Y.shape[1])
    z, z_v = np.empty(hidden), np.empty(hidden)
    o = np.empty(Y.shape[1])
    o_v, p, d, d_v = np.empty_like(o), np.empty_like(o), np.empty_like(o), np.empty_like(o)
    scale = 1.0 / batch.size
    for j in range(w.size):
        out[j] = l2 * v[j]
    for i in batch:
        affine(W1, b1, X[i], z)
        affine(V1, v1, X[i], z_v)
        a = np.tanh(z)
        q = 1.0 - a * a
        a_v = q * z_v
        q_v = -2.0 * a * a_v
        affine(W2, b2, a, o)
        affine(V2, v2, a, o_v)
        add_product(W2, a_v, o_v)
        output_slope(output, o, Y[i], p, d)
        output_curvature(output, p, o_v, d_v)
        add_outer(G2, scale, d_v, a)
        add_outer(G2, scale, d, a_v)
        add_scaled(c2, scale, d_v)
        e, e_v = np.zeros(hidden), np.zeros(hidden)
        add_transposed(W2, d, e)
        add_transposed(V2, d, e_v)
        add_transposed(W2, d_v, e_v)
        s_v = e_v * q + e * q_v
        add_outer(G1, scale, s_v, X[i])
        add_scaled(c1, scale, s_v)


@jit
def third_derivative(w, batch, data, u, v, out):
    """Fill in the batch third derivative along u and v: the derivative of H v along u."""
    X, Y, hidden, output, _ = data
    W1, b1, W2, b2 = layers(w, X.shape[1], hidden, Y.shape[1])
    U1, u1, U2, u2 = layers(u, X.shape[1], hidden, Y.shape[1])
    V1, v1, V2, v2 = layers(v, X.shape[1], hidden, Y.shape[1])
    G1, c1, G2, c2 = layers(out, X.shape[1], hidden, Y.shape[1])
    z, z_u, z_v = np.empty(hidden), np.empty(hidden), np.empty(hidden)
    o = np.empty(Y.shape[1])
    o_u, o_v, p, d = np.empty_like(o), np.empty_like(o), np.empty_like(o), np.empty_like(o)
    d_u, d_v, d_uv = np.empty_like(o), np.empty_like(o), np.empty_like(o)
    scale = 1.0 / batch.size
    out[:] = 0.0
    for i in batch:
        affine(W1, b1, X[i], z)
        affine(U1, u1, X[i], z_u)
        affine(V1, v1, X[i], z_v)
        a = np.tanh(z)
        q = 1.0 - a * a
        a_u, a_v = q * z_u, q * z_v
        q_u, q_v = -2.0 * a * a_u, -2.0 * a * a_v
        a_uv = q_u * z_v
        q_uv = -2.0 * (a_u * a_v + a * a_uv)
        affine(W2, b2, a, o)
        affine(U2, u2, a, o_u)
        add_product(W2, a_u, o_u)
        affine(V2, v2, a, o_v)
        add_product(W2, a_v, o_v)
        o_uv = np.zeros_like(o)
        add_product(U2, a_v, o_uv)
        add_product(V2, a_u, o_uv)
        add_product(W2, a_uv, o_uv)
        output_slope(output, o, Y[i], p, d)
        output_curvature(output, p, o_u, d_u)
        output_curvature(output, p, o_v, d_v)
        output_curvature(output, p, o_uv, d_uv)
        if output == SOFTMAX:
            third = np.empty_like(o)
            third_curvature(p, o_u, o_v, third)
            d_uv += third
        add_outer(G2, scale, d_uv, a)
        add_outer(G2, scale, d_u, a_v)
        add_outer(G2, scale, d_v, a_u)
        add_outer(G2, scale, d, a_uv)
        add_scaled(c2, scale, d_uv)
        e, e_u = np.zeros(hidden), np.zeros(hidden)
        e_v, e_uv = np.zeros(hidden), np.zeros(hidden)
        add_transposed(W2, d, e)
        add_transposed(U2, d, e_u)
        add_transposed(W2, d_u, e_u)
        add_transposed(V2, d, e_v)
        add_transposed(W2, d_v, e_v)
        add_transposed(U2, d_v, e_uv)
        add_transposed(V2, d_u, e_uv)
        add_transposed(W2, d_uv, e_uv)
        s_uv = e_uv * q + e_u * q_v + e_v * q_u + e * q_uv
        add_outer(G1, scale, s_uv, X[i])
        add_scaled(c1, scale, s_uv)
