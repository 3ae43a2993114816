"""How far a mean is from a point, when its covariance is estimated and may have any rank.

A difference D (d,) = mean - flow is normal about the true difference delta, with covariance Sigma
estimated from `dof` + 1 independent units (dof is infinite where Sigma is known). Endpoint
clouds are often rank deficient (on the a b x toy of rank 1 to leading order), so nothing here
inverts Sigma, as Hotelling's statistic would.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

Array: TypeAlias = NDArray[np.float64]

__all__ = ["Distance", "t_exceeded", "t_quantile"]

_STEPS = np.linspace(-3.4, 3.4, 241)
NODES = np.tanh(np.pi / 2 * np.sinh(_STEPS))
WEIGHTS = (_STEPS[1] - _STEPS[0]) * np.pi / 2 * np.cosh(_STEPS) / np.cosh(np.pi / 2 * np.sinh(_STEPS)) ** 2
"""Quadrature on (-1, 1) by the double exponential formula of Takahasi and Mori (1974), made for integrands
that are singular or steep at the ends."""

LEAST_RANK, LEAST_RATIO = 0.1, 1e-9
NEGLIGIBLE = 1e-18


def t_quantile(dof: float, confidence: float) -> float:
    """Return t such that |T| <= t with this probability, T of Student's distribution."""
    return t_exceeded(dof, 1 - confidence)


def t_exceeded(dof: float, probability: float) -> float:
    """Return t such that |T| > t with this probability, which may be small."""
    lower = probability / 2
    return -float(special.ndtri(lower) if math.isinf(dof) else special.stdtrit(dof, lower))


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
    def debiased(self) -> tuple[float, float]:
        """Estimate of rho without what noise across D adds to |D|, and its standard error.

        (|D|^2 - a)^(1/2), and (s^2 + a^2/(2 r rho^2))^(1/2) from the variance of |D|^2. Where noise across
        explains all of |D|, the estimate is 0 and the error the root of tr Sigma.
        """
        mean, rank = self._across
        square = self.value**2 - mean
        if square <= 0.0:
            return 0.0, math.sqrt(float(np.trace(self.covariance)))
        return math.sqrt(square), math.hypot(self.standard_error, mean / math.sqrt(2 * rank * square))

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
        lower = 0.0 if too_large(0.0) >= 0 else _root(too_large, far)
        return lower, _root(too_small, far)

    def units_to_tell(self, confidence: float, power: float = 0.95) -> float:
        """Return how many times more units would tell this distance, taken as the true one, from 0.

        Then the p-value is below 1 - confidence with probability `power`; standard errors are taken to
        fall with the root of the number of units.
        """
        far = math.sqrt(float(np.trace(self.covariance)))
        while self._above(far, 0.0) > 1 - confidence:
            far *= 2
        largest = _root(lambda x: self._above(x, 0.0) - (1 - confidence), far)
        margin = t_quantile(self.dof, 2 * power - 1) * self.standard_error
        return float((largest + margin) / self.value) ** 2

    @cached_property
    def _across(self) -> tuple[float, float]:
        """Return the noise's mean square across D, a, and the rank r of its law; a = 0: there is none."""
        total = float(np.trace(self.covariance))
        mean = total - self.standard_error**2
        if mean <= LEAST_RATIO * self.standard_error**2:
            return 0.0, 1.0
        # In units of the trace, so that no fourth power of a small length underflows.
        share, along = mean / total, (self.standard_error**2 / total) ** 2
        along *= 1.0 if math.isinf(self.dof) else self.dof / (self.dof + 2)
        spread = _trace_of_square(self.covariance / total, self.dof) - along
        least = share**2 / (len(self.difference) - 1)
        return mean, max(share**2 / max(spread, least), LEAST_RANK)

    def _above(self, x: float, rho: float) -> float:
        """Return P(|D| >= x) if the true distance is rho.

        Either the noise along D does it alone, or T lies between (-x - rho)/s and (x - rho)/s and the
        noise across does the rest: an integral over T = sinh(v).
        """
        low, high = (-x - rho) / self.standard_error, (x - rho) / self.standard_error
        alone = self._t_below(low) + self._t_below(-high)
        mean, rank = self._across
        if mean == 0.0:
            return min(1.0, alone)
        start, end = np.arcsinh(np.clip([low, high], -self._t_largest, self._t_largest))
        half = (end - start) / 2
        # Distances from both ends, so that the steep ends are met to the last digit.
        v = np.where(NODES < 0, start + half * (1 + NODES), end - half * (1 - NODES))
        t = np.sinh(v)
        rest = (
            np.maximum((x - rho - self.standard_error * t) * (x + rho + self.standard_error * t), 0.0) / mean
        )
        integrand = _fisher_above(rest, rank, self.dof) * self._t_density(t) * np.cosh(v)
        return min(1.0, alone + float(half * WEIGHTS @ integrand))

    def _t_below(self, t: float) -> float:
        return float(special.ndtr(t) if math.isinf(self.dof) else special.stdtr(self.dof, t))

    def _t_density(self, t: Array) -> Array:
        if math.isinf(self.dof):
            return np.asarray(np.exp(-(t**2) / 2) / math.sqrt(2 * math.pi))
        log_constant = special.gammaln((self.dof + 1) / 2) - special.gammaln(self.dof / 2)
        log_power = -(self.dof + 1) / 2 * np.log1p(t**2 / self.dof)
        return np.asarray(np.exp(log_constant + log_power) / math.sqrt(self.dof * math.pi))

    @cached_property
    def _t_largest(self) -> float:
        """Beyond this, T's tail is nothing."""
        if math.isinf(self.dof):
            return float(-special.ndtri(NEGLIGIBLE))
        return float(-special.stdtrit(self.dof, NEGLIGIBLE))


def _root(function: Callable[[float], float], far: float) -> float:
    """Return where a function changes its sign in (0, far), to 1e-12 of far, however small that is."""
    return float(brentq(function, 0.0, far, xtol=1e-12 * far))


def _trace_of_square(covariance: Array, dof: float) -> float:
    """Estimate tr Sigma^2 without bias (Bai and Saranadasa 1996, section 3).

    In high dimension the sample's own tr S^2 is too large by (tr S)^2 / dof.
    """
    square, trace = float(np.sum(covariance**2)), float(np.trace(covariance))
    if math.isinf(dof) or dof <= 1:
        return square
    return dof**2 / ((dof + 2) * (dof - 1)) * (square - trace**2 / dof)


def _fisher_above(f: Array, rank: float, dof: float) -> Array:
    """Return P(F >= f) for F(rank, rank dof), or chi square over its rank if dof is infinite."""
    if math.isinf(dof):
        return np.asarray(special.chdtrc(rank, rank * f))
    return np.asarray(special.fdtrc(rank, rank * dof, f))
