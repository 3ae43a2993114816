"""What a problem tells the simulation about its step kernel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels import toy_steps
from mcsgd.kernels.pointers import Pointer
from mcsgd.kernels.simd import LANES

Array = NDArray[np.float64]

CACHE = 2**21
"""Bytes of states and orders worked on at once. The more trajectories, the more meet at the same batch."""
MOST_SIDE_BY_SIDE = 1024

__all__ = [
    "CACHE",
    "MOST_SIDE_BY_SIDE",
    "Stepper",
    "affine_stepper",
    "batch_means",
    "batch_sizes",
    "packed_data",
    "padded_to",
    "side_by_side",
]


class Stepper(NamedTuple):
    """A step kernel, its data, and how it lays out the parameters; see `mcsgd.kernels.steps`."""

    advance: Any
    data: tuple[Any, ...]
    state_size: int
    places: NDArray[np.int64]
    by_lanes: bool = False
    gradient: Pointer | None = None
    """What the kernel is given in place of the problem's own gradient."""


def padded_to(size: int) -> int:
    """Return the next multiple of the number of lanes."""
    return -(-size // LANES) * LANES


def side_by_side(numbers: int, cache: int = CACHE, most: int = MOST_SIDE_BY_SIDE) -> int:
    """Return how many trajectories, of so many numbers each, the cache holds at once: 16 to `most`."""
    return min(max(cache // (8 * numbers), 16), most)


def aligned_zeros(*shape: int) -> Array:
    """Return zeros that begin at a multiple of 64 bytes, and so do the vectors in them."""
    size = int(np.prod(shape))
    memory = np.zeros(size + LANES)
    shift = (-(memory.ctypes.data // 8)) % LANES
    return memory[shift : shift + size].reshape(shape)


def padded_batches(rows: Array, batch_size: int) -> Array:
    """Cut rows (N, p) into batches (m, B', p'), padded with zeros to whole vectors."""
    N, p = rows.shape
    m = -(-N // batch_size)
    out = aligned_zeros(m, padded_to(batch_size), padded_to(p))
    for k in range(m):
        batch = rows[k * batch_size : (k + 1) * batch_size]
        out[k, : len(batch), :p] = batch
    return out


def transposed(batches: Array) -> Array:
    """Return the transpose of each batch (m, p', B')."""
    out = aligned_zeros(batches.shape[0], batches.shape[2], batches.shape[1])
    out[:] = batches.transpose(0, 2, 1)
    return out


def batch_sizes(examples: int, batch_size: int) -> NDArray[np.int64]:
    """Return the number of examples in each batch, (m,)."""
    starts = np.arange(0, examples, batch_size)
    return np.minimum(batch_size, examples - starts)


def batch_means(values: Array, batch_size: int) -> Array:
    """Return the mean over the examples of each batch, (m, ...), of values (N, ...)."""
    starts = np.arange(0, len(values), batch_size)
    sizes = batch_sizes(len(values), batch_size).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(np.add.reduceat(values, starts, axis=0) / sizes)


def number_table(numbers: Array, width: int) -> Array:
    """Return numbers (m, p) of batches as the kernels of `mcsgd.kernels.toy_steps` take them.

    Of few batches (p, 16): a row for each number, to be looked up in registers. Of more (m, width): a row for
    each batch, filled up with zeros.
    """
    m, p = numbers.shape
    if m <= toy_steps.MOST_LOOKED_UP:
        table = aligned_zeros(p, toy_steps.MOST_LOOKED_UP)
        table[:, :m] = numbers.T
    else:
        table = aligned_zeros(m, width)
        table[:, :p] = numbers
    return table


def affine_stepper(hessians: Array, pulls: Array) -> Stepper:
    """Return the stepper of batches with the gradient H_k w - b_k: H (m, d, d), b (m, d)."""
    m, d = pulls.shape
    numbers = np.concatenate([hessians, -pulls[:, :, None]], axis=2).reshape(m, -1)
    table = number_table(numbers, padded_to(d * (d + 1)))
    return Stepper(toy_steps.affine, (table,), d, np.arange(d), by_lanes=True)


def packed_data(X: Array, Y: Array, batch_size: int, reshuffled: bool) -> tuple[Array, Array, Array, Any]:
    """Return X, XT, Y and sizes for the step kernels, from X (N, p) and Y (N, K)."""
    if reshuffled:
        rows = padded_batches(X, len(X))[0, : len(X)]
        return rows, rows, np.array(Y), np.array([padded_to(batch_size)])
    batches = padded_batches(X, batch_size)
    targets = transposed(padded_batches(Y, batch_size))[:, : Y.shape[1]]
    return batches, transposed(batches), np.ascontiguousarray(targets), batch_sizes(len(X), batch_size)
