"""First and second order of an SGD epoch, for trajectories with batches of their own.

Plain function: `mcsgd.correction` compiles it for the types of the problem at hand.
"""

from __future__ import annotations

import numpy as np


def interactions(gradient, hessian_vector, w, orders, examples, batch_size, data, sums, xi):
    """Fill in sum_j g_j and xi = sum_{i<j} H_j g_i at w, for batches at positions i and j of each order.

    Parameters
    ----------
    orders : (n, m)
    examples : (n, N)
        Batch k of trajectory t holds the examples [t, k B : (k + 1) B].
    sums, xi : (n, d)
        Output.
    """
    g, product = np.empty(w.size), np.empty(w.size)
    sums[:] = 0.0
    xi[:] = 0.0
    for t in range(len(orders)):
        for k in orders[t]:
            batch = examples[t, k * batch_size : (k + 1) * batch_size]
            hessian_vector(w, batch, data, sums[t], product)
            gradient(w, batch, data, g)
            xi[t] += product
            sums[t] += g
