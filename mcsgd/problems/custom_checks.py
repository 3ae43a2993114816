"""What can be seen of a user's gradient before it is used: its indices, its `out`, its loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import InputError, McsgdWarning
from mcsgd.problems.base import Array, Kernels
from mcsgd.problems.differences import central_difference

__all__ = ["check_fills", "check_gradient", "check_indices"]

MOST_INTERPRETED, MOST_NUMBERS = 1000, 10**6
"""Examples of a batch, and times parameters, that a gradient is run over in plain Python, once."""
AGREES = 1e-6

Rows = NDArray[np.int64]


def check_indices(
    gradient: Callable[..., None], data: tuple[Any, ...], batches: Iterable[Rows], w: Array
) -> None:
    """Raise InputError if an index is out of bounds in plain Python: compiled code does not see it."""
    for rows in batches:
        if rows.size > MOST_INTERPRETED or rows.size * w.size > MOST_NUMBERS:
            continue
        try:
            with warnings.catch_warnings(action="ignore"):
                gradient(w.copy(), rows, data, np.zeros(w.size))
        except IndexError as error:
            raise InputError([("gradient", f"must index within its arrays, got: {error}")]) from None
        except Exception:  # of any class: what compiles need not run in plain Python
            return


def check_fills(gradient: Callable[..., None], data: tuple[Any, ...], rows: Rows, w: Array) -> None:
    """Raise InputError if the compiled gradient depends on what `out` held before."""
    found = []
    for before in (0.0, np.nan):
        out = np.full(w.size, before)
        gradient(w, rows, data, out)
        found.append(out)
    kept = np.flatnonzero(np.isnan(found[1]) & ~np.isnan(found[0]))
    if len(kept):
        message = f"must set every entry of `out`, got {kept[0]} unset: begin with out[:] = 0.0"
        raise InputError([("gradient", message)])


def check_gradient(kernels: Kernels, data: tuple[Any, ...], batches: Mapping[int, Rows], w: Array) -> None:
    """Warn, naming the worst coordinate, at the first batch whose gradient is not its loss's.

    A last batch that is smaller shows a division by B in place of batch.size.
    """
    for k, rows in batches.items():
        gradient = np.empty(w.size)
        kernels.gradient(w, rows, data, gradient)
        expected = _slope_of_loss(kernels.loss, data, rows, w)
        off = np.abs(gradient - expected)
        worst = int(np.nanargmax(np.where(np.isfinite(off), off, np.inf)))
        allowed = AGREES * (np.abs(expected).max() + 1e-3 * abs(kernels.loss(w, rows, data)))
        if not off[worst] <= allowed:
            warnings.warn(
                f"gradient does not agree with loss on batch {k}: worst at coordinate {worst}, where it is "
                f"{gradient[worst]:.6g} and the loss's central difference is {expected[worst]:.6g}"
                f"{_in_proportion(gradient, expected, allowed)}",
                McsgdWarning,
                stacklevel=3,
            )
            return


def _slope_of_loss(loss: Any, data: tuple[Any, ...], rows: Rows, w: Array) -> Array:
    units = np.eye(w.size)
    return np.array([central_difference(lambda x: np.array(loss(x, rows, data)), w, unit) for unit in units])


def _in_proportion(gradient: Array, expected: Array, allowed: float) -> str:
    """Say so if the gradient is the loss's but for a factor, of a wrong sign or a sum for a mean."""
    square = expected @ expected
    ratio = float(gradient @ expected / square) if square > 0 else 0.0
    same = ratio != 0 and np.abs(gradient - ratio * expected).max() <= allowed * max(1.0, abs(ratio))
    return f"; it is {ratio:.4g} times the loss's" if same else ""
