"""A problem's derivatives for every batch at once: the building blocks of the modified fields.

Plain functions: `mcsgd.problems` compiles them for the types of the problem at hand. `rows`
holds example indices, batch k owning rows[k B : (k + 1) B]; the last batch may be smaller.
"""

from __future__ import annotations


def gradients(gradient, w, rows, batch_size, data, out):
    """out[k] = gradient of batch k; out (m, d)."""
    for k in range(len(out)):
        gradient(w, rows[k * batch_size : (k + 1) * batch_size], data, out[k])


def hessian_vectors(hessian_vector, w, rows, batch_size, data, V, out):
    """out[k] = H_k V[k]; V and out (m, d)."""
    for k in range(len(out)):
        hessian_vector(w, rows[k * batch_size : (k + 1) * batch_size], data, V[k], out[k])


def third_derivatives(third_derivative, w, rows, batch_size, data, U, V, out):
    """out[k] = T_k[U[k], V[k]]; U, V and out (m, d)."""
    for k in range(len(out)):
        third_derivative(w, rows[k * batch_size : (k + 1) * batch_size], data, U[k], V[k], out[k])
