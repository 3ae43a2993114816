"""SGD trajectories: a block of them, side by side, for any problem and sampling.

All trajectories of a block make a step together: `advance`, a problem's step kernel, is given
the batch that each of them visits. Plain function: `mcsgd.blocks` compiles it for the types
of the problem at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.draws import GROUP
from mcsgd.kernels.jit import jit
from mcsgd.kernels.products import aligned
from mcsgd.kernels.simd import LANES, every, load, magnitude, splat

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
    given: NDArray[np.int64]  # (rows, batches): orders to start from; see `mcsgd.kernels.draws`
    reshuffled: bool  # every trajectory has batches of its own, new in every epoch
    paired: bool  # trajectory 2p + 1 visits the batches of trajectory 2p backwards, epoch by epoch
    seed: int
    snapshots: NDArray[np.int64]  # epochs after which the parameters are kept, ascending
    state_size: int  # numbers that a step kernel keeps of a trajectory, d and padding
    places: NDArray[np.int64]  # (d,): where among them parameter j stands; the others are 0
    by_lanes: bool  # trajectory t's number i stands at [i, t] of the state, not at [t, i]
    stop: NDArray[np.int64]  # (1,): set to other than 0 by another thread, it ends the block
    tile: int  # trajectories side by side, so that all they need stays in the cache


@jit
def in_range(numbers):
    """Tell whether no number is NaN, infinite, or larger than LARGEST."""
    i = 0
    while i + LANES <= numbers.size:
        if not every(magnitude(load(numbers, i)) < splat(LARGEST)):
            return False
        i += LANES
    for number in numbers[i:]:  # noqa: SIM110 - numba compiles no generator expressions
        if not abs(number) < LARGEST:
            return False
    return True


@jit
def stop_diverged(state, apart, step, places, status):
    """Mark trajectories that have diverged, and make all their parameters NaN, for good."""
    for t in range(status.size):
        diverged = status[t] == DIVERGED
        for place in places:
            diverged |= not abs(state[t * apart + place * step]) < LARGEST
        if diverged:
            status[t] = DIVERGED
            for place in places:
                state[t * apart + place * step] = np.nan


@jit
def copy_out(state, apart, step, places, out):
    """Copy the parameters of the trajectories to the rows of `out`."""
    if apart == 1:
        for j in range(places.size):
            row = state[places[j] * step :]
            for t in range(len(out)):
                out[t, j] = row[t]
    else:
        for t in range(len(out)):
            row = state[t * apart :]
            for j in range(places.size):
                out[t, j] = row[places[j]]


@jit
def copy_steps(state, apart, step, places, paths, made):
    """Keep the parameters after so many steps of the trajectories whose paths are kept."""
    for t in range(len(paths)):
        for j in range(places.size):
            paths[t, made, j] = state[t * apart + places[j] * step]


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
    # The state's number i of trajectory t is at t * apart + i * step.
    width, size, places = -(-plan.tile // GROUP) * GROUP, plan.state_size, plan.places
    apart, step = (1, width) if plan.by_lanes else (size, 1)
    states = aligned(size * (width if plan.by_lanes else plan.tile))
    sequence = np.zeros((plan.batches, width), np.int64)
    rows = np.empty((plan.tile if plan.reshuffled else 1, plan.examples), np.int64)
    for begin in range(0, status.size, plan.tile):
        tile = slice(begin, min(begin + plan.tile, status.size))
        marks, ends, kept_path = status[tile], endpoints[tile], paths[tile]
        # A tile by lanes is always whole, its last trajectories for nothing, if need be.
        state = states if plan.by_lanes else states[: size * marks.size]
        state[:] = 0.0
        if plan.by_lanes:
            for j in range(places.size):
                state[places[j] * width : (places[j] + 1) * width] = plan.start[j]
        else:
            for t in range(marks.size):
                for j in range(places.size):
                    state[t * size + places[j]] = plan.start[j]
        copy_steps(state, apart, step, places, kept_path, 0)
        for t in range(len(rows)):
            for i in range(plan.examples):
                rows[t, i] = i
        marks[:] = FINISHED
        made, kept = 0, 0
        for epoch in range(plan.epochs):
            if plan.stop[0] != 0:
                return
            draw(plan.seed, first + begin, epoch, plan.paired, plan.given, sequence, rows[: marks.size])
            for position in range(plan.batches):
                advance(gradient, data, state, sequence[position], rows, plan)
                made += 1
                copy_steps(state, apart, step, places, kept_path, made)
            # A look per epoch is enough: once infinite or NaN, a parameter never comes back.
            if not in_range(state):
                stop_diverged(state, apart, step, places, marks)
            if kept < plan.snapshots.size and plan.snapshots[kept] == epoch + 1:
                for t in range(marks.size):
                    for j in range(places.size):
                        snapshots[begin + t, kept, j] = state[t * apart + places[j] * step]
                kept += 1
        copy_out(state, apart, step, places, ends)
