"""SGD trajectories: the generic kernel, one trajectory at a time, for any problem and sampling.

Plain functions: `mcsgd.simulation` compiles them for the types of the problem at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.jit import jit

FINISHED, DIVERGED = 0, 1
LARGEST = 1e60
"""A trajectory with a coordinate beyond this has diverged: the statistics of squares would overflow."""


class Plan(NamedTuple):
    """All that fixes the trajectories, apart from problem and sampling scheme."""

    start: NDArray[np.float64]  # (d,)
    step_size: float
    epochs: int
    examples: int
    batch_size: int
    batches: int
    given: NDArray[np.int64]  # (batches,): the order of the sampling "given-order"
    paired: bool  # trajectory 2p + 1 visits the batches of trajectory 2p backwards, epoch by epoch
    seed: int
    snapshots: NDArray[np.int64]  # epochs after which the parameters are kept, ascending


@jit
def in_range(w):
    """Tell whether no coordinate is NaN, infinite, or larger than LARGEST."""
    for x in w:  # noqa: SIM110 - numba compiles no generator expressions
        if not abs(x) <= LARGEST:
            return False
    return True


def run_block(gradient, draw, data, plan, first, endpoints, snapshots, paths, status):
    """Run trajectories first, first + 1, ..., one for each row of `endpoints`.

    Parameters
    ----------
    gradient, draw : first-class functions
        A problem's gradient kernel and a sampling scheme of `mcsgd.kernels.draws`.
    data : tuple
        The problem's data.
    plan : Plan
    first : int
        Index of the block's first trajectory.
    endpoints : (n, d)
        Output; NaN for a trajectory that diverged.
    snapshots : (n, len(plan.snapshots), d)
        Output: the parameters after the chosen epochs; NaN once diverged.
    paths : (p <= n, epochs * batches + 1, d)
        Output: every step of the block's first p trajectories.
    status : (n,) uint8
        Output: FINISHED or DIVERGED.
    """
    rows = np.empty(plan.examples, np.int64)
    sequence = np.empty(plan.batches, np.int64)
    g = np.empty_like(plan.start)
    w = np.empty_like(plan.start)
    for t in range(status.size):
        trajectory = first + t
        stream = trajectory // 2 if plan.paired else trajectory
        backwards = plan.paired and trajectory % 2 == 1
        record = t < len(paths)
        w[:] = plan.start
        if record:
            paths[t, 0] = w
        step, kept = 0, 0
        status[t] = FINISHED
        for epoch in range(plan.epochs):
            draw(plan.seed, stream, epoch, plan.given, rows, sequence)
            for position in range(plan.batches):
                k = sequence[plan.batches - 1 - position if backwards else position]
                # The last batch may be smaller.
                batch = rows[k * plan.batch_size : min((k + 1) * plan.batch_size, plan.examples)]
                gradient(w, batch, data, g)
                for j in range(w.size):
                    w[j] -= plan.step_size * g[j]
                step += 1
                if record:
                    paths[t, step] = w
            # A look per epoch is enough: once infinite or NaN, a coordinate never comes back.
            if not in_range(w):
                status[t] = DIVERGED
                w[:] = np.nan
                if record:
                    paths[t, step + 1 :] = np.nan
                snapshots[t, kept:] = np.nan
                break
            if kept < plan.snapshots.size and plan.snapshots[kept] == epoch + 1:
                snapshots[t, kept] = w
                kept += 1
        endpoints[t] = w
