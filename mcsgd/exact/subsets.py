"""Quadratic batches in random order: recursion over the 2^m sets of batches, epoch by epoch."""

from __future__ import annotations

import numpy as np

from mcsgd.errors import Issue
from mcsgd.exact.affine import is_quadratic, step_maps
from mcsgd.exact.maps import MOST_BATCHES, epoch_map
from mcsgd.exact.method import Cost, Method, Solution
from mcsgd.exact.sequences import KEPT
from mcsgd.kernels.quadratic_orders import subset_covariances, subset_means
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings

__all__ = ["SUBSETS"]


def obstacle(problem: Problem, settings: Settings) -> Issue | None:
    """Batches must be quadratic, and few; orders of different epochs independent."""
    if settings.sampling not in ("random-order", KEPT):
        return Issue("sampling", f"must be random-order or shuffle-once, got {settings.sampling}")
    if settings.sampling == KEPT and settings.epochs > 1:
        return Issue("epochs", f"must be 1 with sampling shuffle-once, got {settings.epochs}")
    if not is_quadratic(problem):
        return Issue("problem", f"must have quadratic batches, got {type(problem).__name__}")
    if problem.batches > MOST_BATCHES:
        return Issue("problem", f"must have at most {MOST_BATCHES} batches, got {problem.batches}")
    return None


def by_map(problem: Problem, settings: Settings) -> bool:
    """Whether the moments of an epoch's map, of d + 1 columns, are had sooner than every epoch."""
    return settings.epochs > (problem.parameters + 1) ** 2


def cost(problem: Problem, settings: Settings) -> Cost:
    """Return the number of products of a batch's matrix with a vector, and the bytes of all sets' moments."""
    m, d = problem.batches, problem.parameters
    columns, epochs = (d + 1, 1) if by_map(problem, settings) else (1, settings.epochs)
    products = epochs * m * 2.0 ** (m - 1) * (columns + columns**2 * d)
    if columns > 1:
        products += settings.epochs * columns**2
    return Cost(products, 8.0 * 2.0**m * (columns * d + (columns * d) ** 2))


def solve(problem: Problem, start: Array, settings: Settings) -> Solution:
    """Return the mean endpoint and the covariance, by the method that is sooner done."""
    if by_map(problem, settings):
        return many_epochs(problem, start, settings)
    return few_epochs(problem, start, settings)


def few_epochs(problem: Problem, start: Array, settings: Settings) -> Solution:
    """Recur once an epoch, from the mean and covariance before it."""
    m, d = problem.batches, problem.parameters
    point, covariance = start.copy(), np.zeros((d, d))
    means, covariances = np.empty((2**m, 1, d)), np.empty((2**m, 1, 1, d, d))
    for _ in range(settings.epochs):
        F, f = step_maps(problem, point, settings.step_size)
        pushes = f[:, None].copy()
        covariances[0] = covariance
        subset_means(F, pushes, means)
        subset_covariances(F, pushes, means, covariances)
        point, covariance = point + means[-1, 0], covariances[-1, 0, 0].copy()
    return Solution(point, covariance)


def many_epochs(problem: Problem, start: Array, settings: Settings) -> Solution:
    """Recur once, for the moments of an epoch's map X; then Cov(X z) for a random z = (x, 1), epoch by epoch.

    With X independent of z: E[X] Cov(z) E[X]^T + sum_ij Cov(X_i, X_j) (E[z_i] E[z_j] + Cov(z_i, z_j)), i and
    j over the columns.
    """
    d = problem.parameters
    moments = epoch_map(*step_maps(problem, start, settings.step_size))
    matrix, push = np.eye(d) + moments.mean[:d].T, moments.mean[d]
    x, covariance = np.zeros(d), np.zeros((d, d))
    for _ in range(settings.epochs):
        z = np.append(x, 1.0)
        second = np.outer(z, z)
        second[:d, :d] += covariance
        covariance = matrix @ covariance @ matrix.T + np.einsum("ij,ijab->ab", second, moments.covariance)
        x = x + (x @ moments.mean[:d] + push)
    return Solution(start + x, covariance)


SUBSETS = Method("subset recursion", False, obstacle, cost, solve)
