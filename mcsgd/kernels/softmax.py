"""Kernels of softmax regression: w is the (K, p) weight matrix in C order, loss -log p_y + (l2/2) |w|^2.

data = (X (N, p), y (N,) labels 0..K-1 as int64, K, l2).
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.glm import row_dot
from mcsgd.kernels.jit import jit


@jit
def softmax(scores, p):
    """Fill p with the softmax of the scores; return log sum exp."""
    top = scores.max()
    total = 0.0
    for c in range(scores.size):
        p[c] = np.exp(scores[c] - top)
        total += p[c]
    for c in range(scores.size):
        p[c] /= total
    return top + np.log(total)


@jit
def curvature(p, a, out):
    """Out = second derivative of log sum exp along a: p (a - p.a)."""
    mean = (p * a).sum()
    for c in range(p.size):
        out[c] = p[c] * (a[c] - mean)


@jit
def third_curvature(p, a, b, out):
    """Out = third derivative of log sum exp along a and b: p ((a - p.a)(b - p.b) - cov_p(a, b))."""
    mean_a, mean_b = (p * a).sum(), (p * b).sum()
    cov = (p * (a - mean_a) * (b - mean_b)).sum()
    for c in range(p.size):
        out[c] = p[c] * ((a[c] - mean_a) * (b[c] - mean_b) - cov)


@jit
def class_scores(X, i, w, scores):
    """scores[c] = X[i] . w_c."""
    features = X.shape[1]
    for c in range(scores.size):
        scores[c] = row_dot(X, i, w[c * features : (c + 1) * features])


@jit
def add_outer(out, coefficients, X, i, scale):
    """Out += scale coefficients X[i]^T."""
    features = X.shape[1]
    for c in range(coefficients.size):
        s = scale * coefficients[c]
        for j in range(features):
            out[c * features + j] += s * X[i, j]


@jit
def loss(w, batch, data):
    """Return the batch loss."""
    X, y, classes, l2 = data
    scores, p = np.empty(classes), np.empty(classes)
    total = 0.0
    for i in batch:
        class_scores(X, i, w, scores)
        total += softmax(scores, p) - scores[y[i]]
    return total / batch.size + 0.5 * l2 * (w * w).sum()


@jit
def gradient(w, batch, data, out):
    """Fill in mean_i (p_i - onehot(y_i)) x_i^T + l2 w."""
    X, y, classes, l2 = data
    scores, p = np.empty(classes), np.empty(classes)
    for j in range(w.size):
        out[j] = l2 * w[j]
    for i in batch:
        class_scores(X, i, w, scores)
        softmax(scores, p)
        p[y[i]] -= 1.0
        add_outer(out, p, X, i, 1.0 / batch.size)


@jit
def hessian_vector(w, batch, data, v, out):
    """Fill in the batch Hessian times v."""
    X, _, classes, l2 = data
    scores, p, a, q = np.empty(classes), np.empty(classes), np.empty(classes), np.empty(classes)
    for j in range(w.size):
        out[j] = l2 * v[j]
    for i in batch:
        class_scores(X, i, w, scores)
        softmax(scores, p)
        class_scores(X, i, v, a)
        curvature(p, a, q)
        add_outer(out, q, X, i, 1.0 / batch.size)


@jit
def third_derivative(w, batch, data, u, v, out):
    """Fill in the batch third derivative along u and v."""
    X, _, classes, _ = data
    scores, p, q = np.empty(classes), np.empty(classes), np.empty(classes)
    a, b = np.empty(classes), np.empty(classes)
    out[:] = 0.0
    for i in batch:
        class_scores(X, i, w, scores)
        softmax(scores, p)
        class_scores(X, i, u, a)
        class_scores(X, i, v, b)
        third_curvature(p, a, b, q)
        add_outer(out, q, X, i, 1.0 / batch.size)
