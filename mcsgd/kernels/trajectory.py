"""SGD trajectories: a block of them, side by side, for any problem and sampling.

All trajectories of a block make an epoch's steps together: `advance`, a problem's step kernel, is given
the batches that each of them visits. Plain function: `mcsgd.blocks` compiles it for the types
of the problem at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.draws import GROUP
from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned
from mcsgd.kernels.simd import LANES, every, load, magnitude, splat
from mcsgd.kernels.steps import Shape

FINISHED, DIVERGED = 0, 1
LARGEST = 1e60
"""A trajectory with a coordinate beyond this has diverged: the statistics of squares would overflow."""


class Plan(NamedTuple):
    """All that fixes the trajectories, apart from problem and sampling scheme."""

    start: NDArray[np.float64]  # (d,)
    step_sizes: NDArray[np.float64]  # (epochs,), or (1,) for the same in all of them
    substeps: int  # on each batch, of the step size divided by so many
    momentum: float
    epochs: int
    shape: Shape
    given: NDArray[np.int64]  # (rows, ...): what the sampling starts from; see `mcsgd.kernels.draws`
    paired: bool  # trajectory 2p + 1 visits the batches of trajectory 2p backwards, epoch by epoch
    seed: int
    snapshots: NDArray[np.int64]  # epochs after which the parameters are kept, ascending
    places: NDArray[np.int64]  # (d,): where among them parameter j stands; the others begin at 0
    by_lanes: bool  # trajectory t's number i stands at [i, t] of the state, not at [t, i]
    stop: NDArray[np.int64]  # (1,): set to other than 0 by another thread, it ends the block
    tile: int  # trajectories side by side, so that all they need stays in the cache


class Layout(NamedTuple):
    """Where the parameters stand in the state: number j of trajectory t at t * apart + places[j] * step."""

    apart: int
    step: int
    places: NDArray[np.int64]


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
def stop_diverged(state, layout, status):
    """Mark trajectories that have diverged, and make all their parameters NaN, for good."""
    apart, step, places = layout
    for t in range(status.size):
        diverged = status[t] == DIVERGED
        for place in places:
            diverged |= not abs(state[t * apart + place * step]) < LARGEST
        if diverged:
            status[t] = DIVERGED
            for place in places:
                state[t * apart + place * step] = np.nan


@jit
def place(start, state, layout, count):
    """Let `count` trajectories begin at `start`."""
    apart, step, places = layout
    state[:] = 0.0
    for j in range(places.size):
        at = places[j] * step
        if apart == 1:
            state[at : at + count] = start[j]
        else:
            for t in range(count):
                state[t * apart + at] = start[j]


@jit
def copy_out(state, layout, out):
    """Copy the parameters of the trajectories to the rows of `out`."""
    apart, step, places = layout
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
def roll_on(state, before, previous, momentum):
    """Add momentum times the step before this one: heavy ball; `previous` is where that step began."""
    for i in range(state.size):
        state[i] += momentum * (before[i] - previous[i])
        previous[i] = before[i]


@inline
def run_epoch(advance, gradient, data, state, previous, sequence, rows, epoch, plan, layout, paths):
    """Make an epoch's steps; paths (p, steps + 1, d) keeps those of the first trajectories."""
    step_size = plan.step_sizes[min(epoch, plan.step_sizes.size - 1)] / plan.substeps
    if len(paths) == 0 and plan.substeps == 1 and plan.momentum == 0.0:
        advance(gradient, data, state, sequence, rows, step_size, plan.shape)
        return
    for position in range(plan.shape.batches):
        for _ in range(plan.substeps):
            before = state.copy() if plan.momentum != 0.0 else state[:0]
            advance(gradient, data, state, sequence[position : position + 1], rows, step_size, plan.shape)
            if plan.momentum != 0.0:
                roll_on(state, before, previous, plan.momentum)
        if len(paths) > 0:
            copy_out(state, layout, paths[:, epoch * plan.shape.batches + position + 1])


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
    width, size = -(-plan.tile // GROUP) * GROUP, plan.shape.state_size
    layout = Layout(1, width, plan.places) if plan.by_lanes else Layout(size, 1, plan.places)
    states = aligned(size * (width if plan.by_lanes else plan.tile))
    sequence = np.zeros((plan.shape.batches, width), np.int64)
    rows = np.empty((plan.tile if plan.shape.reshuffled else 1, plan.shape.examples), np.int64)
    for begin in range(0, status.size, plan.tile):
        tile = slice(begin, min(begin + plan.tile, status.size))
        marks, kept_path = status[tile], paths[tile]
        # A tile by lanes is always whole, its last trajectories for nothing, if need be.
        state = states if plan.by_lanes else states[: size * marks.size]
        place(plan.start, state, layout, width if plan.by_lanes else marks.size)
        previous = state.copy() if plan.momentum != 0.0 else state[:0]
        if len(kept_path) > 0:
            copy_out(state, layout, kept_path[:, 0])
        for t in range(len(rows)):
            for i in range(plan.shape.examples):
                rows[t, i] = i
        marks[:] = FINISHED
        kept = 0
        for epoch in range(plan.epochs):
            if plan.stop[0] != 0:
                return
            draw(plan.seed, first + begin, epoch, plan.paired, plan.given, sequence, rows[: marks.size])
            run_epoch(
                advance, gradient, data, state, previous, sequence, rows, epoch, plan, layout, kept_path
            )
            # A look per epoch is enough: once infinite or NaN, a parameter never comes back.
            if not in_range(state):
                stop_diverged(state, layout, marks)
            if kept < plan.snapshots.size and plan.snapshots[kept] == epoch + 1:
                copy_out(state, layout, snapshots[tile, kept])
                kept += 1
        copy_out(state, layout, endpoints[tile])
