"""Every sequence of batches that a sampling can draw, sharing the steps of common beginnings.

The sequences are the leaves of a tree whose edges are steps: m! orders of m batches take about e m!
steps, not m m!. `visit_all` is a plain function: `mcsgd.exact` compiles it for the problem at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.jit import jit
from mcsgd.kernels.trajectory import in_range

__all__ = ["Options", "visit_all"]


class Options(NamedTuple):
    """The batches that may come, and at which positions of an epoch.

    Option o is the batch of the examples rows[o, : sizes[o]]. At position s come the options
    first[s], ..., last[s] - 1, in ascending order of their masks, and each only while no bit of its
    mask was used in the same epoch. An epoch uses all bits of `everything`, if it uses any.
    """

    rows: NDArray[np.int64]  # (o, B)
    sizes: NDArray[np.int64]  # (o,)
    masks: NDArray[np.int64]  # (o,): 0 for an option that can always come
    first: NDArray[np.int64]  # (m,)
    last: NDArray[np.int64]  # (m,)
    everything: int


@jit
def next_option(options, position, used, option):
    """Return the next option after `option` that may come; last[position] if there is none."""
    end = options.last[position]
    option += 1
    if position == options.first.size - 1 and options.everything != 0:
        # Only what is left may come: found without looking through all.
        begin = options.first[position]
        left = begin + np.searchsorted(options.masks[begin:end], options.everything ^ used)
        return left if left >= option else end
    while option < end and options.masks[option] & used != 0:
        option += 1
    return option


@jit
def step(gradient, data, step_size, batch, start, before, point, slope, after):
    """Fill in the deviation from the start after a step; `point` and `slope` are working memory.

    Deviations are much smaller than the parameters, and are rounded as much more finely.
    """
    for j in range(start.size):
        point[j] = start[j] + before[j]
    gradient(point, batch, data, slope)
    for j in range(start.size):
        after[j] = before[j] - step_size * slope[j]


@jit
def batch_of(options, option):
    """Return an option's examples."""
    return options.rows[option][: options.sizes[option]]


@jit
def add(endpoint, reference, deviation, total, squares):
    """Add endpoint - reference to a sum, and its products to the lower triangle of a sum of products."""
    for i in range(endpoint.size):
        deviation[i] = endpoint[i] - reference[i]
        total[i] += deviation[i]
        for j in range(i + 1):
            squares[i, j] += deviation[i] * deviation[j]


@jit
def centred(count, total, squares):
    """Turn sums about a reference point into the mean and the scatter about it, in place."""
    total /= max(count, 1)
    for i in range(total.size):
        for j in range(i + 1):
            squares[i, j] -= count * total[i] * total[j]
            squares[j, i] = squares[i, j]
        squares[i, i] = max(squares[i, i], 0.0)


def visit_all(
    gradient, data, start, step_size, options, begin, end, epochs, repeats, stop, mean, scatter, counts
):
    """Run every sequence whose first batch is one of the options begin, ..., end - 1.

    Parameters
    ----------
    gradient : first-class function
        The problem's gradient kernel.
    data : tuple
        The problem's data.
    start : (d,)
    step_size : float
    options : Options
    begin, end, epochs : int
    repeats : int
        How often the last epoch's sequence is repeated afterwards.
    stop : (1,)
        Set to other than 0 by another thread, it ends the visit.
    mean, scatter : (d,), (d, d)
        Output, from zeros: the mean endpoint minus the start, and the sum of the outer products of the
        endpoints' deviations from the mean. Both are summed about the first endpoint, for the cloud is
        much smaller than its distance from the start.
    counts : (2,)
        Output, from zeros: the number of endpoints, and of those that diverged and are left out.
    """
    m, d, depth = options.first.size, start.size, epochs * options.first.size
    path = np.zeros((depth + 1, d))  # deviations from the start after so many steps
    used, chosen = np.zeros(depth + 1, np.int64), np.empty(depth, np.int64)
    point, slope, reference = np.empty(d), np.empty(d), np.zeros(d)
    chosen[0] = begin - 1
    level = 0
    while level >= 0 and stop[0] == 0:
        option = next_option(options, level % m, used[level], chosen[level])
        if option >= (end if level == 0 else options.last[level % m]):
            level -= 1
            continue
        chosen[level] = option
        batch = batch_of(options, option)
        step(gradient, data, step_size, batch, start, path[level], point, slope, path[level + 1])
        if level + 1 < depth:
            level += 1
            used[level] = 0 if level % m == 0 else used[level - 1] | options.masks[option]
            chosen[level] = options.first[level % m] - 1
            continue
        endpoint = path[depth]
        for again in range(repeats * m):
            batch = batch_of(options, chosen[depth - m + again % m])
            step(gradient, data, step_size, batch, start, endpoint, point, slope, endpoint)
        counts[0] += 1
        if not in_range(endpoint):
            counts[1] += 1
        else:
            if counts[0] - counts[1] == 1:
                reference[:] = endpoint
            add(endpoint, reference, slope, mean, scatter)
    centred(counts[0] - counts[1], mean, scatter)
    mean += reference
