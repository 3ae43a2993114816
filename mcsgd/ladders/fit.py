"""The order of an error in a size, fitted to measured distances that know their noise.

Distances of an asymptotic series at the sizes s_r,

    d_r = A s_r^p (1 + b_1 rho_r + b_2 rho_r^2 + ...) + noise,    rho = m eps lambda_max,

where the b_k are of the size of one: they are given a normal prior of variance one. So the fit of log d on
log s leaves out what the largest rungs bend, as far as the smaller ones are known well enough, and
its interval knows what bend may be left. Weights are one over the variances of log d_r; noise that is
correlated between rungs counts in the interval. The fitted order is log-linear, p = sum_r c_r log d_r, but
the equation is solved in the distances themselves,

    sum_r c_r d_r s_r^(-p) = 0,    sum_r c_r = 0,    sum_r c_r log s_r = 1,

whose left side at the true p is normal with mean 0 whatever the noise: inverting its t-ratio gives an
interval (Fieller 1954) that is right where a distance is only two standard errors large, and the logarithm of
it far from normal. Where rungs scatter more than all this explains, errors are scaled up by how much more
(Birge 1932).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from mcsgd.statistics import t_quantile

Array: TypeAlias = NDArray[np.float64]

__all__ = ["OrderFit", "fit_order", "local_slopes"]

TERMS = 4
LEAST_ERROR = 1e-8  # of a log distance: more digits say nothing of an order
FINEST, LARGEST_ORDER = 1e-6, 1000.0


@dataclass(frozen=True)
class OrderFit:
    """A fitted order.

    Attributes
    ----------
    order : float
    standard_error : float
        Of noise, of what the series may add, and scaled up by the scatter.
    interval : (float, float)
        Infinite on a side where the smallest or the largest rungs are not told from zero.
    scatter : float
        Root mean square residual over what is expected; 1 for two rungs, that have none.
    """

    order: float
    standard_error: float
    interval: tuple[float, float]
    scatter: float


def local_slopes(sizes: Array, distances: Array, covariance: Array) -> tuple[Array, Array]:
    """Return log(d_r / d_r+1) / log(s_r / s_r+1) and their standard errors, (n - 1,) each.

    Parameters
    ----------
    sizes, distances : (n,)
        Positive; where a distance is not known it is NaN, and so are the slopes next to it.
    covariance : (n, n)
        Of the distances.

    Examples
    --------
    >>> slopes, errors = local_slopes(np.array([4.0, 2, 1]), np.array([64.0, 8, 1]), np.diag([0.0, 0, 0.01]))
    >>> slopes.round(3).tolist(), errors.round(3).tolist()
    ([3.0, 3.0], [0.0, 0.144])
    """
    noise = covariance / np.outer(distances, distances)
    gap = -np.diff(np.log(sizes))
    variance = np.diag(noise)[:-1] + np.diag(noise)[1:] - 2 * np.diag(noise, 1)
    # Rungs that share all of their noise leave a difference of rounding errors.
    return -np.diff(np.log(distances)) / gap, np.sqrt(np.maximum(variance, 0.0)) / np.abs(gap)


def fit_order(
    sizes: Array,
    distances: Array,
    covariance: Array,
    range_numbers: Array | None = None,
    dof: float = math.inf,
    confidence: float = 0.95,
) -> OrderFit:
    """Fit p in d = A s^p to at least two distances.

    Parameters
    ----------
    sizes, distances : (n,)
        Positive.
    covariance : (n, n)
        Of the distances' noise.
    range_numbers : (n,), optional
        In powers of which the series goes on. By default it does not.
    dof : float
        Degrees of freedom of `covariance`; infinite where it is known.
    confidence : float

    Returns
    -------
    OrderFit

    Examples
    --------
    >>> sizes = np.array([0.04, 0.02, 0.01])
    >>> fit = fit_order(sizes, 5 * sizes**3, np.diag([1e-12, 1e-13, 1e-14]))
    >>> round(fit.order, 6), fit.interval[0] < 3 < fit.interval[1]
    (3.0, True)
    """
    x, y = np.log(sizes), np.log(distances)
    rho = np.zeros_like(x) if range_numbers is None else range_numbers
    series = np.power(rho[:, None], np.arange(1.0, TERMS + 1))
    noise = covariance / np.outer(distances, distances)
    own = noise + LEAST_ERROR**2 * np.eye(len(x))
    c, scatter = _solve(x, y, np.sqrt(np.diag(own)), series)
    others = float(np.sum((c @ series) ** 2))  # the series' part of the variance of c @ y
    weights = 1 / (np.diag(own) + np.sum(series**2, axis=1))

    def ratio(p: float) -> float:
        z = distances * np.exp(-p * x - np.max(-p * x))  # A, but for noise and the series
        variance = (c * z) @ own @ (c * z) + others * (weights @ z / weights.sum()) ** 2
        return float(c @ z / math.sqrt(variance)) / scatter

    order = _root(ratio, float(c @ y))
    noise_part = float(c @ own @ c)
    t = t_quantile(dof * ((noise_part + others) / noise_part) ** 2, confidence)
    lower = _crossing(lambda below: ratio(order - below) - t)
    upper = _crossing(lambda beyond: -ratio(order + beyond) - t)
    return OrderFit(order, scatter * math.sqrt(noise_part + others), (order - lower, order + upper), scatter)


def _solve(x: Array, y: Array, errors: Array, series: Array) -> tuple[Array, float]:
    """Return the c (n,) with which c @ y is the order, and the scatter.

    Of the least squares fit to y by a constant, x and the series, whose coefficients have the prior.
    """
    n, terms = series.shape
    rows = np.column_stack([np.ones(n), x - x.mean(), series]) / errors[:, None]
    prior = np.eye(terms, terms + 2, k=2)
    matrix = np.vstack([rows, prior])
    inverse = np.linalg.pinv(matrix, rcond=1e-14)
    solution = inverse[:, :n] @ (y / errors)
    squares = float(np.sum((rows @ solution - y / errors) ** 2) + np.sum(solution[2:] ** 2))
    return inverse[1, :n] / errors, math.sqrt(max(1.0, squares / max(n - 2, 1)))


def _root(function: Callable[[float], float], first: float) -> float:
    """Return where a function changes its sign, nearest to a first guess; the guess if nowhere."""
    width = 0.01
    while width < LARGEST_ORDER:
        if function(first - width) >= 0 >= function(first + width):
            return float(brentq(function, first - width, first + width, xtol=1e-13))
        width *= 2
    return first


def _crossing(function: Callable[[float], float]) -> float:
    """Return the first place above 0 where a function gets positive; inf if there is none."""
    low, high = 0.0, FINEST
    while function(high) < 0:
        if high > LARGEST_ORDER:
            return math.inf
        low, high = high, 1.5 * high
    return float(brentq(function, low, high, xtol=1e-14)) if function(low) < 0 else math.inf
