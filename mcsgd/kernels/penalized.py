"""Kernels of a loss with its gradient's norm as a penalty: C_k + (lambda/4) |grad C_k|^2.

The data is (the inner problem's data, lambda, and pointers to its kernels: loss, gradient, Hessian-vector
product, third derivative).
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import jit


@jit
def loss(w, batch, data):
    """Loss with the penalty."""
    inner, strength, plain_loss, gradient_of, _, _ = data
    g = np.empty(w.size)
    gradient_of(w, batch, inner, g)
    return plain_loss(w, batch, inner) + strength / 4 * (g * g).sum()


@jit
def gradient(w, batch, data, out):
    """Gradient g + (lambda/2) H g."""
    inner, strength, _, gradient_of, times_hessian, _ = data
    curved = np.empty(w.size)
    gradient_of(w, batch, inner, out)
    times_hessian(w, batch, inner, out, curved)
    for j in range(w.size):
        out[j] += strength / 2 * curved[j]


@jit
def hessian_vector(w, batch, data, v, out):
    """H v + (lambda/2) (T[g, v] + H H v)."""
    inner, strength, _, gradient_of, times_hessian, third = data
    g, twice, bent = np.empty(w.size), np.empty(w.size), np.empty(w.size)
    gradient_of(w, batch, inner, g)
    times_hessian(w, batch, inner, v, out)
    times_hessian(w, batch, inner, out, twice)
    third(w, batch, inner, g, v, bent)
    for j in range(w.size):
        out[j] += strength / 2 * (bent[j] + twice[j])
