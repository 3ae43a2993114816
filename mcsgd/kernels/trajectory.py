"""SGD trajectories: a block of them, side by side, for any problem and sampling.

All trajectories of a block make a step together: `advance`, a problem's step kernel, is given
the batch that each of them visits. Plain function: `mcsgd.simulation` compiles it for the types
of the problem at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.jit import jit
from mcsgd.kernels.products import aligned, padded

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
    reshuffled: bool  # every trajectory has batches of its own, new in every epoch
    paired: bool  # trajectory 2p + 1 visits the batches of trajectory 2p backwards, epoch by epoch
    seed: int
    snapshots: NDArray[np.int64]  # epochs after which the parameters are kept, ascending
    state_size: int  # numbers that a step kernel keeps of a trajectory, d and padding
    places: NDArray[np.int64]  # (d,): where among them parameter j stands; the others are 0
    by_lanes: bool  # trajectory t's number i stands at [i, t] of the state, not at [t, i]


@jit
def in_range(state, at, places, step):
    """Tell whether no parameter is NaN, infinite, or larger than LARGEST."""
    for place in places:  # noqa: SIM110 - numba compiles no generator expressions
        if not abs(state[at + place * step]) <= LARGEST:
            return False
    return True


@jit
def copy_out(state, at, places, step, out):
    """Copy a trajectory's parameters."""
    for j in range(places.size):
        out[j] = state[at + places[j] * step]


def run_block(advance, draw, gradient, data, plan, first, endpoints, snapshots, paths, status):
    """Run trajectories first, first + 1, ..., one for each row of `endpoints`.

    Parameters
    ----------
    advance, draw, gradient : first-class functions
        A step kernel (see `mcsgd.kernels.steps`), a sampling scheme of `mcsgd.kernels.draws`, and
        the problem's gradient kernel.
    data : tuple
        The step kernel's data.
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
    n, width = status.size, padded(status.size)
    places = plan.places
    # The state's number i of trajectory t is at t * apart + i * step.
    apart, step = (1, width) if plan.by_lanes else (plan.state_size, 1)
    state = aligned(plan.state_size * (width if plan.by_lanes else n))
    state[:] = 0.0
    for t in range(width if plan.by_lanes else n):
        for j in range(places.size):
            state[t * apart + places[j] * step] = plan.start[j]
    for t in range(len(paths)):
        paths[t, 0] = plan.start
    sequence = np.zeros((plan.batches, width), np.int64)
    rows = np.empty((n if plan.reshuffled else 1, plan.examples), np.int64)
    for t in range(len(rows)):
        rows[t] = np.arange(plan.examples)
    status[:] = FINISHED
    made, kept = 0, 0
    for epoch in range(plan.epochs):
        draw(plan.seed, first, epoch, plan.paired, plan.given, sequence, rows)
        for position in range(plan.batches):
            advance(gradient, data, state, sequence[position], rows, plan)
            made += 1
            for t in range(len(paths)):
                copy_out(state, t * apart, places, step, paths[t, made])
        # A look per epoch is enough: once infinite or NaN, a parameter never comes back.
        for t in range(n):
            if status[t] == DIVERGED or not in_range(state, t * apart, places, step):
                status[t] = DIVERGED
                for place in places:
                    state[t * apart + place * step] = np.nan
        if kept < plan.snapshots.size and plan.snapshots[kept] == epoch + 1:
            for t in range(n):
                copy_out(state, t * apart, places, step, snapshots[t, kept])
            kept += 1
    for t in range(n):
        copy_out(state, t * apart, places, step, endpoints[t])
