"""How far a mean is from a point, when its covariance is estimated and may have any rank.

A difference D (d,) = mean - flow is normal about the true difference delta, with covariance Sigma
estimated from `dof` + 1 independent units (dof is infinite where Sigma is known). Endpoint
clouds are often rank deficient (on the a b x toy of rank 1 to leading order), so nothing here
inverts Sigma, as Hotelling's statistic would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

Array: TypeAlias = NDArray[np.float64]

__all__ = ["Distance", "t_quantile"]

LOGITS = np.linspace(-36.0, 36.0, 289)
"""Quadrature over a distribution's levels 1 / (1 + exp(-logit)), both tails down to 1e-16."""

LEAST_RANK, LEAST_RATIO = 0.1, 1e-9


def t_quantile(dof: float, confidence: float) -> float:
    """Return t such that |T| <= t with this probability, T of Student's distribution."""
    upper = (1 + confidence) / 2
    return float(special.ndtri(upper) if math.isinf(dof) else special.stdtrit(dof, upper))


@dataclass(frozen=True, eq=False)
class Distance:
    """The distance rho = |delta| that an observed difference D tells of.

    With u = D/|D| and rho the true distance, |D|^2 is modelled as

        (rho + s T)^2 + a F,    s^2 = u' Sigma u,    a = tr Sigma - s^2,

    noise along D (T of Student's distribution) and across it (F of Fisher's with r and r dof
    degrees of freedom, as in Dempster's test of 1958), where r gives |D|^2 its true variance
    4 rho^2 s^2 + 2 tr Sigma^2. Exact in one dimension. Across matters: in many dimensions noise
    makes |D| exceed rho even where it is small along D.

    Attributes
    ----------
    difference : (d,)
    covariance : (d, d)
        Of the difference; not zero.
    dof : float
    """

    difference: Array
    covariance: Array
    dof: float

    @property
    def value(self) -> float:
        """The observed distance, |D|."""
        return float(np.linalg.norm(self.difference))

    @cached_property
    def standard_error(self) -> float:
        """Standard error of |D| where it is large: s, of the noise along D."""
        total = float(np.trace(self.covariance))
        if self.value == 0.0:
            return math.sqrt(total / len(self.difference))
        u = self.difference / self.value
        return math.sqrt(max(float(u @ self.covariance @ u), LEAST_RATIO**2 * total))

    @cached_property
    def p_value(self) -> float:
        """Probability of a |D| at least as large if the mean were on the flow, delta = 0."""
        return self._above(self.value, 0.0)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the confidence interval of rho. It begins at 0 exactly if p_value >= 1 - confidence.

        It holds every rho whose model puts |D| neither among its largest nor among its smallest
        values. The error probability goes to both sides equally where rho is large, and to the
        largest alone at rho = 0, which has no smaller ones: the share moves with the probability that
        noise alone is smaller than rho (in the spirit of Feldman and Cousins 1998).
        """
        error = 1 - confidence
        observed = self.value

        def share(rho: float) -> float:
            return error / 2 * (1 - self._above(rho, 0.0))

        def too_large(rho: float) -> float:
            return self._above(observed, rho) - (error - share(rho))

        def too_small(rho: float) -> float:
            return 1 - self._above(observed, rho) - share(rho)

        far = 2 * observed + math.sqrt(float(np.trace(self.covariance)))
        while too_small(far) > 0:
            far *= 2
        lower = 0.0 if too_large(0.0) >= 0 else brentq(too_large, 0.0, far)
        return float(lower), float(brentq(too_small, 0.0, far))

    def units_to_tell(self, confidence: float, power: float = 0.95) -> float:
        """Return how many times more units would tell this distance, taken as the true one, from 0.

        Then the p-value is below 1 - confidence with probability `power`; standard errors are taken to
        fall with the root of the number of units.
        """
        far = math.sqrt(float(np.trace(self.covariance)))
        while self._above(far, 0.0) > 1 - confidence:
            far *= 2
        largest = brentq(lambda x: self._above(x, 0.0) - (1 - confidence), 0.0, far)
        margin = t_quantile(self.dof, 2 * power - 1) * self.standard_error
        return float((largest + margin) / self.value) ** 2

    @cached_property
    def _across(self) -> tuple[Array, Array]:
        """Quadrature nodes and weights of a F, the squared length of the noise across D."""
        mean = float(np.trace(self.covariance)) - self.standard_error**2
        if mean <= LEAST_RATIO * self.standard_error**2:
            return np.zeros(1), np.ones(1)
        along = self.standard_error**4 * (1.0 if math.isinf(self.dof) else self.dof / (self.dof + 2))
        spread = _trace_of_square(self.covariance, self.dof) - along
        least = mean**2 / (len(self.difference) - 1)
        rank = max(mean**2 / max(spread, least), LEAST_RANK)
        level = special.expit(LOGITS)
        weights = level * special.expit(-LOGITS)
        return mean * _fisher_quantiles(rank, self.dof), weights / weights.sum()

    def _above(self, x: float, rho: float) -> float:
        """Return P(|D| >= x) if the true distance is rho."""
        squares, weights = self._across
        reach = np.sqrt(np.maximum(x**2 - squares, 0.0))
        outside = self._t_below((rho - reach) / self.standard_error)
        outside += self._t_below((-rho - reach) / self.standard_error)
        outside[squares > x**2] = 1.0
        return min(1.0, float(weights @ outside))

    def _t_below(self, t: Array) -> Array:
        return np.asarray(special.ndtr(t) if math.isinf(self.dof) else special.stdtr(self.dof, t))


def _trace_of_square(covariance: Array, dof: float) -> float:
    """Estimate tr Sigma^2 without bias (Bai and Saranadasa 1996, section 3).

    In high dimension the sample's own tr S^2 is too large by (tr S)^2 / dof.
    """
    square, trace = float(np.sum(covariance**2)), float(np.trace(covariance))
    if math.isinf(dof) or dof <= 1:
        return square
    return dof**2 / ((dof + 2) * (dof - 1)) * (square - trace**2 / dof)


def _fisher_quantiles(rank: float, dof: float) -> Array:
    """Return the quantiles of F(rank, rank dof) at the levels of `LOGITS`, accurate in both tails."""
    level, above = special.expit(LOGITS), special.expit(-LOGITS)
    a = rank / 2
    if math.isinf(dof):
        chi2 = np.where(LOGITS < 0, special.gammaincinv(a, level), special.gammainccinv(a, above))
        return np.asarray(chi2 / a)
    b = a * dof
    # F = (b / a) x / (1 - x) with x of the beta distribution (a, b) and 1 - x of (b, a).
    x = np.where(LOGITS < 0, special.betaincinv(a, b, level), special.betainccinv(a, b, above))
    rest = np.where(LOGITS < 0, special.betainccinv(b, a, level), special.betaincinv(b, a, above))
    return np.asarray(b / a * x / np.maximum(rest, np.finfo(float).tiny))
