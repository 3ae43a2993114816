"""The largest curvature of the loss, which says how far a step size reaches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator, eigsh

from mcsgd.checks import Checks
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.deviations import mean_hessian_vectors

__all__ = ["largest_curvature", "range_number"]

DENSE = 20
"""Parameters up to which the whole Hessian is had: Lanczos's basis would be as large."""
ACCURACY = 1e-8


def largest_curvature(problem: Problem, w: ArrayLike) -> float:
    """Return lambda_max, the largest eigenvalue in size of the Hessian of C at w.

    By Lanczos's method on Hessian-vector products (ARPACK), a pass over the data each. Expansions in the
    step size are asymptotic while m eps lambda_max is below about 0.3. It is a size: of a saddle's negative
    curvature, too, if that is larger.

    Parameters
    ----------
    problem : Problem
    w : (d,)

    Returns
    -------
    float
        To a relative accuracy of 1e-8. NaN if the Hessian is not of finite numbers.

    Raises
    ------
    InputError
        If w is not a point.

    Examples
    --------
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic(hessians=[[[1.0, 0.0], [0.0, 4.0]]], centers=[[0.0, 0.0]])
    >>> largest_curvature(problem, [1.0, 1.0])
    4.0
    """
    checks = Checks()
    d = problem.parameters
    point = checks.array("w", w, (d,), "one number for each parameter")
    checks.done()
    if d <= DENSE:
        return _largest_size(mean_hessian_vectors(problem, point, np.eye(d)))
    first = np.random.default_rng(0).normal(size=d)

    def product(v: Array) -> Array:
        return np.asarray(mean_hessian_vectors(problem, point, v.reshape(1, d))[0])

    image = product(first)
    if not image.any() or not np.isfinite(image).all():  # ARPACK would stop at either
        return float(np.nan if image.any() else 0.0)
    hessian = LinearOperator((d, d), matvec=product, dtype=np.float64)
    value = eigsh(hessian, k=1, which="LM", v0=first, tol=ACCURACY, return_eigenvectors=False)
    return float(np.abs(value[0]))


def range_number(problem: Problem, start: Array, settings: Settings) -> float:
    """Return m eps lambda_max at the start, eps that of the largest step, over 1 - momentum; NaN of Adam."""
    if settings.optimizer != "sgd":
        return math.nan
    target = settings.partition(problem)
    eps = float(settings.step_sizes.max()) / (1 - settings.momentum)
    return target.batches * eps * largest_curvature(target, start)


def _largest_size(hessian: Array) -> float:
    if not np.isfinite(hessian).all():
        return float("nan")
    return float(np.abs(np.linalg.eigvalsh((hessian + hessian.T) / 2)).max())
