"""Step kernels of small problems: eight trajectories side by side, the numbers of each batch gathered.

Parameter j of trajectory t stands at [j, t] of the state.
"""

from __future__ import annotations

from mcsgd.kernels.jit import jit
from mcsgd.kernels.simd import LANES, gather, load, splat, store


@jit
def factorization(gradient, data, state, visited, rows, plan):
    """Step a b x: the batch's mean slope in p = a b is curvature_k p - slope_k; data = (curvature, slope)."""
    curvature, slope = data
    width = visited.size
    eps = splat(plan.step_size)
    for t in range(0, width, LANES):
        k = load(visited, t)
        a, b = load(state, t), load(state, width + t)
        pull = eps * (a * b * gather(curvature, 0, k) - gather(slope, 0, k))
        store(state, t, a - pull * b)
        store(state, width + t, b - pull * a)
