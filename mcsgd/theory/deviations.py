"""Sums over the deviations of many gradients, with as few derivatives as their rank."""

from __future__ import annotations

import numpy as np

from mcsgd.problems.base import Array, Problem

__all__ = ["directions", "mean_hessian_vectors", "third_derivative_of_covariance"]

RANK_TOLERANCE = 1e-13


def directions(rows: Array) -> tuple[Array, Array]:
    """Return (left, basis) with rows = left @ basis by the singular value decomposition.

    Parameters
    ----------
    rows : (n, d)

    Returns
    -------
    left : (n, r)
        Orthonormal columns, so that rows^T rows = basis^T basis.
    basis : (r, d)
        Orthogonal rows; r is the rank, at most min(n, d).

    Examples
    --------
    >>> left, basis = directions(np.array([[1.0, 2.0], [-1.0, -2.0]]))
    >>> basis.shape
    (1, 2)
    >>> np.allclose(left @ basis, [[1.0, 2.0], [-1.0, -2.0]])
    True
    """
    if not np.isfinite(rows).all():  # of a flow that grew beyond all bounds; the decomposition would raise
        return np.full((len(rows), 1), np.nan), np.full((1, rows.shape[1]), np.nan)
    left, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    rank = int(np.count_nonzero(sizes > RANK_TOLERANCE * sizes[0]))
    return left[:, :rank], sizes[:rank, None] * basis[:rank]


def mean_hessian_vectors(problem: Problem, w: Array, basis: Array) -> Array:
    """Return H v for the rows v of `basis`, (r, d), H the mean over batches: r passes over the data."""
    out = np.empty_like(basis)
    for v, product in zip(basis, out, strict=True):
        product[:] = problem.hessian_vectors(w, v).mean(axis=0)
    return out


def third_derivative_of_covariance(problem: Problem, w: Array, basis: Array) -> Array:
    """Return sum_v T[v, v] (d,) over the rows v of `basis`, T the mean over batches: r passes.

    With the basis of n deviations this is n T[Sigma], Sigma their covariance.
    """
    out = np.zeros(basis.shape[1])
    for v in basis:
        out += problem.third_derivatives(w, v, v).mean(axis=0)
    return out
