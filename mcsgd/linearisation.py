"""The flow that the noise of several epochs is taken along, and the Jacobian that carries it to the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mcsgd.errors import DivergedError
from mcsgd.kernels.subtraction import subtract_products
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory import integrate
from mcsgd.theory.deviations import mean_hessian_vectors
from mcsgd.theory.units import shuffled_units

__all__ = ["exponential", "flow_by_epoch", "linearised"]

STRETCH, TERMS = 100, 15
"""Epochs that the flow is integrated over at once, and terms of the exponential's series."""


def flow_by_epoch(problem: Problem, start: Array, settings: Settings) -> Array:
    """Return the flow at the end of every epoch, (epochs + 1, d), the start first; of one epoch, (1, d).

    Within a stretch of epochs it is interpolated, to about 1e-9: only the noise that is left feels it.

    Raises
    ------
    DivergedError
        If it cannot be integrated.
    """
    points, total, alone = [start[None]], settings.epochs if settings.epochs > 1 else 0, 0
    done = 0
    while done < total:
        epochs = 1 if done < alone else min(total - done, STRETCH)
        some = replace(settings, epochs=epochs, snapshots=(), paths=0)
        flow = integrate(problem, points[-1][-1], some, "sgd")
        if flow.message and epochs > 1:
            alone = done + epochs  # epoch by epoch: each may take more steps than its share of a stretch
            continue
        if flow.message:
            where = f"in epoch {done + 1} of {total}"
            raise DivergedError(f"the flow to take the noise along {flow.message} {where}")
        apart = (len(flow.path) - 1) // epochs
        points.append(flow.path[apart::apart])
        done += epochs
    return np.concatenate(points)


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

    SciPy's is faster for large matrices, but its bits depend on BLAS: on the number of its threads and on
    the processor. Those of corrected endpoints may not.
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
