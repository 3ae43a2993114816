"""The term of one epoch that depends on the order: its value, its mean and its covariance.

From w_0, an epoch that visits batches 1..m in this order ends at (H_j, g_i at w_0)

    w_m = w_0 - eps m g + eps^2 xi + O(eps^3),   xi = sum_{i<j} H_j g_i.

To leading order the cloud of endpoints is therefore that of eps^2 xi, and has covariance eps^4 Cov(xi).
For fixed batches in random order, with y_ab = H_a g_b - H_b g_a and Y_a = sum_b y_ab,

    E xi = (m^2 H g - sum_k H_k g_k) / 2,   Cov(xi) = (1/12) (sum_a Y_a Y_a^T + sum_{a<b} y_ab y_ab^T).

With reshuffled examples, in batches of any sizes, xi = sum_{a,b} c_ab H_a g_b is a sum over pairs of
examples. The c_ab are a table of numbers whose rows and columns are permuted together, uniformly (Daniels
1944). Tables without a diagonal split into parts on which permutations act irreducibly: a constant;
terms x_a + y_b, twice the same (symmetric and antisymmetric); and what is left of the symmetric and of
the antisymmetric part. By Schur's lemma the covariance is a sum over these parts of a number times a sum
of squares. The results are this package's own; its tests hold them to brute force.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.problems.base import Array, Problem
from mcsgd.theory.deviations import directions
from mcsgd.theory.units import Shuffled, shuffled_units

__all__ = ["check_size", "order_covariance", "xi", "xi_covariance", "xi_mean"]

SHUFFLED = ("random-order", "shuffle-once", "reshuffle-examples")
MOST_PARAMETERS, MOST_NUMBERS = 1000, 10**8


def xi(problem: Problem, w: ArrayLike, order: ArrayLike) -> Array:
    """Return xi = sum_{i<j} H_j g_i at w for one order of the fixed batches, i before j.

    Parameters
    ----------
    problem : Problem
    w : (d,)
    order : (m,)
        Each batch once.

    Returns
    -------
    (d,)

    Raises
    ------
    InputError
        If w is not a point, or the order not a permutation of the batches.

    Examples
    --------
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0], y=[0.5, 0.0])
    >>> w, eps = np.array([1.0, 0.5]), 1e-3
    >>> end = w - eps * problem.gradient(w, 1)
    >>> end = end - eps * problem.gradient(end, 0)
    >>> np.allclose((end - w + 2 * eps * problem.gradient(w)) / eps**2, xi(problem, w, [1, 0]), rtol=0.01)
    True
    """
    checks = Checks()
    point = checks.array("w", w, (problem.parameters,), "one number for each parameter")
    places = checks.array("order", order, (problem.batches,), "a batch for each place").astype(np.int64)
    if checks.passed("order") and sorted(np.asarray(order)) != list(range(problem.batches)):
        checks.fail("order", f"must hold each of the {problem.batches} batches once, got {places.tolist()}")
    checks.done()
    g = problem.gradients(point)
    before = np.zeros_like(g)
    before[places[1:]] = np.cumsum(g[places], axis=0)[:-1]
    return np.asarray(problem.hessian_vectors(point, before).sum(axis=0))


def xi_mean(problem: Problem, w: ArrayLike, sampling: str = "random-order") -> Array:
    """Return the mean of xi at w, (d,): (m/2) (n H g - <H_i g_i>) (m - 1)/(n - 1) over n shuffled units.

    The units are the m batches, or the N examples under reshuffle-examples, where batches may be of any
    size.

    Parameters
    ----------
    problem : Problem
    w : (d,)
    sampling : {"random-order", "shuffle-once", "reshuffle-examples"}

    Raises
    ------
    InputError
        If w is not a point, or the sampling another.

    Examples
    --------
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0], y=[0.5, 0.0])
    >>> both = xi(problem, [1.0, 0.5], [0, 1]) + xi(problem, [1.0, 0.5], [1, 0])
    >>> np.allclose(xi_mean(problem, [1.0, 0.5]), both / 2)
    True
    """
    point, (units, _, _) = _point_and_units(problem, w, sampling)
    m, n = problem.batches, units.batches
    g_i = units.gradients(point)
    g = g_i.mean(axis=0)
    # n H g - <H_i g_i> is the mean of H_i applied to n g - g_i.
    product = units.hessian_vectors(point, n * g - g_i).mean(axis=0)
    return np.asarray(m * (m - 1) / (2 * max(n - 1, 1)) * product)


def xi_covariance(problem: Problem, w: ArrayLike, sampling: str = "random-order") -> Array:
    """Return the covariance of xi at w, (d, d), of rank <= m (m - 1)/2 for fixed batches.

    Parameters
    ----------
    problem : Problem
        At most 1000 parameters.
    w : (d,)
    sampling : {"random-order", "shuffle-once", "reshuffle-examples"}
        With reshuffle-examples it holds the part over which examples meet in a batch, too.

    Raises
    ------
    InputError
        If w is not a point, the sampling another, or the problem too large.

    Examples
    --------
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem, w = ScalarFactorization(x=[1.0, 2.0], y=[0.5, 0.0]), [1.0, 0.5]
    >>> half = (xi(problem, w, [0, 1]) - xi(problem, w, [1, 0])) / 2
    >>> np.allclose(xi_covariance(problem, w), np.outer(half, half))
    True
    """
    point, units = _point_and_units(problem, w, sampling)
    check_size(units)
    return order_covariance(units, point)


def check_size(shuffled: Shuffled) -> None:
    """Raise InputError if a covariance over so many units and parameters takes too much memory."""
    checks = Checks()
    n, d = shuffled.units.batches, shuffled.units.parameters
    if d > MOST_PARAMETERS:
        checks.fail("problem", f"must have at most {MOST_PARAMETERS} parameters for a covariance, got {d}")
    elif (size := min(n - 1, d) ** 2 * d) > MOST_NUMBERS:
        checks.fail(
            "problem",
            f"takes {size:.1e} numbers for the covariance of {d} parameters over {n} shuffled units; the "
            f"limit is {MOST_NUMBERS:.0e}",
        )
    checks.done()


def order_covariance(shuffled: Shuffled, w: Array) -> Array:
    """Return Cov(xi) at w (d, d); if there are two directions of visits, the mean over both."""
    if len(shuffled.sizes[0]) == 1:
        return np.zeros((w.size, w.size))
    weights = np.mean([_weights(sizes) for sizes in shuffled.sizes], axis=0)
    return np.asarray(np.einsum("p,pij->ij", weights, _squares(shuffled.units, w)))


class _Parts(NamedTuple):
    """A number for each part of the tables c_ab and H_a g_b."""

    symmetric: float  # t_a + t_b
    crossed: float  # of the two
    antisymmetric: float  # v_a - v_b
    symmetric_rest: float
    antisymmetric_rest: float


@cache
def _weights(sizes: tuple[int, ...]) -> _Parts:
    """Return the mean squares of the parts of c_ab, the table of one placement, times 1/4.

    c_ab = 1/(sizes of both batches) if the batch of a is visited after that of b, else 0. The sums of
    an example's row and column differ by (2p - m + 1)/size, p = 0..m-1 being its batch's place, and
    add to (m - 1)/size. The dimensions of the parts are n - 1 (twice), n (n - 3)/2, (n - 1)(n - 2)/2.
    """
    b = [Fraction(size) for size in sizes]
    m, n = len(sizes), sum(sizes)
    zero = Fraction(0)
    total = [(m - 1) / size - Fraction(m * (m - 1), n) for size in b]
    difference = [(2 * p - m + 1) / size for p, size in enumerate(b)]

    def over_examples(one: list[Fraction], other: list[Fraction]) -> Fraction:
        return sum((size * x * y for size, x, y in zip(b, one, other, strict=True)), zero)

    tt, tv, vv = (over_examples(*pair) for pair in ((total, total), (total, difference), (difference,) * 2))
    pairs = (sum((1 / size for size in b), zero) ** 2 - sum((1 / size**2 for size in b), zero)) / 2
    rest = pairs - Fraction((m * (m - 1)) ** 2, 2 * n * (n - 1)) - tt / max(n - 2, 1)
    antisymmetric_rest = pairs - vv / n
    dimensions = n - 1, n - 1, n - 1, max(n * (n - 3) // 2, 1), max((n - 1) * (n - 2) // 2, 1)
    squares = tt, tv, vv, rest, antisymmetric_rest
    return _Parts(*(float(square / 4 / size) for square, size in zip(squares, dimensions, strict=True)))


def _squares(units: Problem, w: Array) -> Array:
    """Return the sums of squares of the parts of the table H_a g_b, (5, d, d), as in `_Parts`.

    In terms of deviations, H_a g_b is H g + (H_a - H) g + H u_b + h_ab with h_ab = (H_a - H) u_b. The sums of
    the rows and columns of h, without its diagonal D_a = h_aa, are -D_a.
    """
    g_a = units.gradients(w)
    n, d = g_a.shape
    g = g_a.mean(axis=0)
    left, basis = directions(g_a - g)
    hh, hu = np.zeros((d, d)), np.empty_like(basis)
    crossed, D = np.empty((len(basis), len(basis), d)), np.zeros((n, d))
    for r, v in enumerate(basis):
        rows = units.hessian_vectors(w, v)
        hu[r] = rows.mean(axis=0)
        rows -= hu[r]
        hh += rows.T @ rows
        crossed[:, r] = left.T @ rows
        D += left[:, r, None] * rows
    transposed = crossed.reshape(-1, d).T @ crossed.swapaxes(0, 1).reshape(-1, d)  # sum_ab h_ab h_ba^T
    H_g = units.hessian_vectors(w, g)
    H_g -= H_g.mean(axis=0)
    Hu = left @ hu
    D_mean = D.mean(axis=0)
    x = -2 * (D - D_mean) / max(n - 2, 1)
    t, v = H_g + Hu + x, H_g - Hu
    rest = hh + transposed - 2 * D.T @ D - (n - 2) * x.T @ x - 2 * n / (n - 1) * np.outer(D_mean, D_mean)
    return np.stack([t.T @ t, t.T @ v + v.T @ t, v.T @ v, rest, hh - transposed])


def _point_and_units(problem: Problem, w: ArrayLike, sampling: str) -> tuple[Array, Shuffled]:
    checks = Checks()
    point = checks.array("w", w, (problem.parameters,), "one number for each parameter")
    name = checks.choice("sampling", sampling, SHUFFLED)
    checks.done()
    return point, shuffled_units(problem, name)
