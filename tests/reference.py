"""Plain, slow, obviously right: what the kernels and fields are held to."""

from itertools import permutations

import numpy as np


def epoch(problem, start, step_size, order):
    """One epoch of SGD over fixed batches in the given order."""
    w = np.array(start, float)
    for k in order:
        w = w - step_size * problem.gradient(w, k)
    return w


def exact_endpoints(problem, start, step_size):
    """Endpoints of one epoch for all m! orders, (m!, d)."""
    orders = permutations(range(problem.batches))
    return np.array([epoch(problem, start, step_size, order) for order in orders])


def exact_mean(problem, start, step_size):
    """Mean endpoint of one epoch over all m! orders, on deviations from the start."""
    return start + (exact_endpoints(problem, start, step_size) - start).mean(axis=0)


def directional(function, w, v, step=1e-3):
    """Derivative of a function along v by the 4th-order central difference."""
    near = function(w + step * v) - function(w - step * v)
    far = function(w + 2 * step * v) - function(w - 2 * step * v)
    return (8 * near - far) / (12 * step)
