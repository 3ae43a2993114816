"""The flow that the noise of several epochs is taken along, and the Jacobian that carries it to the end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from mcsgd.errors import DivergedError
from mcsgd.kernels.subtraction import subtract_products
from mcsgd.kernels.trajectory import LARGEST
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.deviations import mean_hessian_vectors
from mcsgd.theory.fields import build_field
from mcsgd.theory.first_order import VectorField
from mcsgd.theory.units import shuffled_units

__all__ = ["exponential", "flow_by_epoch", "linearised"]

TERMS = 15
"""Of the exponential's series."""
TOLERANCE, SMALLEST = 1e-8, 1e-150
"""What a step of the flow may be off, relative to its largest number so far, or to this."""
PARTS, MOST_STEPS = 2**20, 4096
"""Into which an epoch is cut, at most, and how many steps it may take: a flow that needs more is stiff."""
TABLEAU = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""The pair of Dormand and Prince (1980): its stages, the last of which is the step, and what that is off."""


def flow_by_epoch(problem: Problem, start: Array, settings: Settings) -> Array:
    """Return the flow at the end of every epoch, (epochs + 1, d), the start first; of one epoch, (1, d).

    By the pair of Dormand and Prince of order 5, to about TOLERANCE: what it is off, only the noise that is
    left feels. `mcsgd.theory.integrate` is more accurate, but its bits depend on BLAS, and so would those of
    corrected endpoints.

    Raises
    ------
    DivergedError
        If it cannot be integrated.
    """
    if settings.epochs == 1:
        return start[None]
    field, time = build_field(problem, settings, "sgd"), problem.batches * settings.step_size
    path, size = np.concatenate([start[None], np.empty((settings.epochs, start.size))]), PARTS
    with np.errstate(all="ignore"):
        scale = max(float(np.abs(time * field(start)).max()), SMALLEST)
        for epoch in range(settings.epochs):
            scale = max(scale, float(np.abs(path[epoch]).max()))
            path[epoch + 1], size = _follow(field, path[epoch], time, size, TOLERANCE * scale)
            if not np.abs(path[epoch + 1]).max() <= LARGEST:
                where = f"in epoch {epoch + 1} of {settings.epochs}"
                what = f"grew beyond {LARGEST:g} or became too stiff {where}"
                raise DivergedError(f"the flow to take the noise along {what}")
    return path


def _follow(field: VectorField, w: Array, time: float, size: int, most: float) -> tuple[Array, int]:
    """Return the flow after some time, and the size of a good step; NaN if it takes too many.

    A step is `size` parts of PARTS: half of that if it is off by more than `most`, and twice as much next if
    it is off by far less, at multiples of that. Sums are in an order that is not left to a library.
    """
    done = 0
    slope = field(w)
    for _ in range(MOST_STEPS):
        h, slopes, ahead = time * size / PARTS, [slope], w
        for row in TABLEAU:
            ahead = w + h * _combined(row, slopes)
            slopes.append(field(ahead))
        off = float(np.abs(h * _combined(ERROR, slopes)).max())
        if off <= most:
            w, slope, done = ahead, slopes[-1], done + size
            size *= 2 if 64 * off < most and done % (2 * size) == 0 and size < PARTS else 1
            if done == PARTS:
                return w, size
        elif size == 1:
            break
        else:
            size //= 2
    return np.full(w.size, np.nan), PARTS


def _combined(weights: Sequence[float], vectors: Sequence[Array]) -> Array:
    total = weights[0] * vectors[0]
    for weight, vector in zip(weights[1:], vectors[1:], strict=True):
        total = total + weight * vector
    return total


def linearised(problem: Problem, settings: Settings, path: Array) -> Iterator[tuple[int, Array, Array]]:
    """Yield, from the last epoch to the first, where the flow begins it and the Jacobian from its end on.

    `path` is what `flow_by_epoch` returns.
    """
    w, unit = path, np.eye(problem.parameters)
    whole = shuffled_units(problem, settings.sampling).whole
    jacobian = unit
    yield settings.epochs - 1, w[settings.epochs - 1], jacobian
    for epoch in range(settings.epochs - 1, 0, -1):
        middle = (w[epoch] + w[epoch + 1]) / 2
        hessian = mean_hessian_vectors(whole, middle, unit)
        jacobian = _product(jacobian, exponential(-settings.step_size * problem.batches * hessian))
        yield epoch - 1, w[epoch - 1], jacobian


def exponential(A: Array) -> Array:
    """Return e^A of a square matrix: the Taylor series of e^(A/2^s), squared s times.

    SciPy's is faster, but its bits depend on BLAS: on the number of its threads and on the processor. Those
    of corrected endpoints may not.
    """
    size = float(np.abs(A).sum(axis=0).max())
    if not np.isfinite(size):
        return np.full(A.shape, np.nan)
    halvings = max(math.frexp(size)[1] + 1, 0)  # to less than 1/2
    part = A / 2**halvings
    term = result = np.eye(len(A))
    for k in range(1, TERMS):
        term = _product(term, part) / k
        result = result + term
    for _ in range(halvings):
        result = _product(result, result)
    return result


def _product(A: Array, B: Array) -> Array:
    """Return A B by a kernel of ours, whose bits are the same everywhere."""
    out = np.zeros((len(A), B.shape[1]))
    subtract_products(np.ascontiguousarray(-A), np.ascontiguousarray(B), out)
    return out
