"""The mean of an epoch's affine map over all orders of quadratic batches, and its exact modified field."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import logm

from mcsgd.checks import Checks
from mcsgd.exact.affine import is_quadratic, step_maps
from mcsgd.kernels.quadratic_orders import subset_covariances, subset_means
from mcsgd.machine import memory_bytes
from mcsgd.problems.base import Array, Problem

__all__ = ["EpochMap", "epoch_map", "exact_field_matrix", "mean_map"]


def mean_map(problem: Problem, step_size: float) -> Array:
    """Return the affine map of one epoch over quadratic batches, averaged over all m! orders.

    By recursion over the 2^m sets of batches: about m 2^(m - 1) products of d x d matrices, and
    8 d (d + 1) 2^m bytes. It takes the mean before an epoch to the mean after it, for every
    epoch with a fresh order (random-order).

    Parameters
    ----------
    problem : Quadratic or LinearRegression
        With at most 20 batches.
    step_size : float

    Returns
    -------
    (d + 1, d + 1)
        M, acting on (w, 1); the last row is (0, ..., 0, 1).

    Raises
    ------
    InputError
        If the batches are not quadratic, or too many.

    Examples
    --------
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> mean_map(problem, 0.1).round(3).tolist()
    [[0.72, 0.19], [0.0, 1.0]]
    """
    check_quadratic(problem, step_size)
    d = problem.parameters
    F, f = step_maps(problem, np.zeros(d), step_size)
    pushes = columns_pushed(F, f)
    means = np.empty((2**problem.batches, d + 1, d))
    subset_means(F, pushes, means)
    whole = np.eye(d + 1)
    whole[:d] += means[-1].T
    return whole


def exact_field_matrix(problem: Problem, step_size: float) -> Array:
    """Return the exact modified field of the mean of SGD on quadratic batches in random order.

    The logarithm of `mean_map` over m eps: the affine field whose flow, over the time m eps of an
    epoch, is the mean map. The series f0 + eps f1 + eps^2 f2 + ... of the mean (Smith, Dherin, Barrett, De
    2021) is its expansion in eps.

    Parameters
    ----------
    problem : Quadratic or LinearRegression
        With at most 20 batches.
    step_size : float

    Returns
    -------
    (d + 1, d + 1)
        L, acting on (w, 1): w' = L[:d, :d] w + L[:d, d]. The last row is zero.

    Raises
    ------
    InputError
        As `mean_map`; and if the step size is so large that there is no real field: the mean map has an
        eigenvalue that is not positive.

    Examples
    --------
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic([[[1.0]]], [[0.0]])
    >>> float(exact_field_matrix(problem, 0.1)[0, 0].round(6))  # log(1 - 0.1) / 0.1
    -1.053605
    """
    whole = mean_map(problem, step_size)
    checks = Checks()
    values = np.linalg.eigvals(whole)
    worst = values[np.argmin(values.real)]
    if worst.real <= 0 and abs(worst.imag) <= 1e-12 * abs(worst):
        checks.fail(
            "step_size",
            "must be so small that all eigenvalues of the mean map are positive: "
            f"at {step_size:g} one is {worst.real:.3g}, and no real flow does that",
        )
    checks.done()
    field = logm(whole) / (problem.batches * step_size)
    return np.ascontiguousarray(np.real(field))


class EpochMap(NamedTuple):
    """Moments over all orders of an epoch's map (I + D, t), x -> (I + D) x + t."""

    mean: Array  # (d + 1, d): the columns of D and t, as rows
    covariance: Array  # (d + 1, d + 1, d, d): of every two columns


def epoch_map(F: Array, f: Array) -> EpochMap:
    """Return the moments over all orders of the map of an epoch of the steps x -> x + F_k x + f_k."""
    m, d = f.shape
    pushes = columns_pushed(F, f)
    means = np.empty((2**m, d + 1, d))
    covariances = np.zeros((2**m, d + 1, d + 1, d, d))
    subset_means(F, pushes, means)
    subset_covariances(F, pushes, means, covariances)
    return EpochMap(means[-1].copy(), covariances[-1].copy())


def columns_pushed(F: Array, f: Array) -> Array:
    """Return what a step adds to the columns of the affine map (I, 0), (m, d + 1, d)."""
    return np.ascontiguousarray(np.concatenate([F.transpose(0, 2, 1), f[:, None]], axis=1))


MOST_BATCHES = 20


def check_quadratic(problem: Problem, step_size: float) -> None:
    """Raise InputError if the recursion over sets of batches cannot be made."""
    checks = Checks()
    checks.number("step_size", step_size, above=0)
    if not is_quadratic(problem):
        checks.fail("problem", f"must have quadratic batches, got {type(problem).__name__}")
    m, d = problem.batches, problem.parameters
    needed = 8.0 * d * (d + 1) * 2.0**m
    if m > MOST_BATCHES:
        checks.fail("problem", f"must have at most {MOST_BATCHES} batches, got {m}")
    elif needed > memory_bytes() / 2:
        checks.fail("problem", f"needs {needed / 2**30:.0f} GiB, more than half of the memory")
    checks.done()
