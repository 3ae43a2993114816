"""exp, tanh and the logistic function of eight doubles at once.

Numba calls the C library for these, one number at a time. Here x = k log 2 + r, and a polynomial
in r, |r| <= (log 2)/2, by Chebyshev interpolation (relative error 2e-17). NaN stays NaN.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import inline
from mcsgd.kernels.simd import as_float, as_int, fma, magnitude, select, splat

LOWEST, HIGHEST = -708.0, 709.0
FARTHEST = 176.0  # the product of four 1 + exp(176) is still a double
SIGN = np.int64(-(2**63))  # the bit
SATURATED = 20.0  # tanh is 1 from here on, to rounding
LOG2_E, LOG_2, LOG_2_REST = 1.4426950408889634, 0.6931471805599453, 2.3190468138462996e-17
LOG_2_LEADING, LOG_2_TRAILING = 0.6931471803691238, 1.9082149292705877e-10
ROUNDER = 6755399441055744.0 + 1023  # adding it leaves the nearest integer, + 1023, in the low bits
C2, C3, C4, C5 = 0.5000000000000001, 0.16666666666666669, 0.04166666666662399, 0.008333333333330051
C6, C7, C8 = 0.0013888888917281794, 0.00019841269863105968, 2.480152119021773e-05
C9, C10, C11 = 2.7557268378684192e-06, 2.7620138719733994e-07, 2.5100424157005067e-08


@inline
def clamped(x, low, high):
    """Return x between bounds; NaN stays. In this order of operands, each line is one instruction."""
    x = select(splat(low) > x, splat(low), x)
    return select(splat(high) < x, splat(high), x)


@inline
def _reduced(x):
    """Return r, the polynomial (exp(r) - 1 - r)/r^2, k and 2^k for x = k log 2 + r."""
    shifted = fma(x, splat(LOG2_E), splat(ROUNDER))
    k = shifted - splat(ROUNDER)
    r = fma(k, splat(-LOG_2_REST), fma(k, splat(-LOG_2), x))
    r2 = r * r
    low = fma(fma(splat(C5), r, splat(C4)), r2, fma(splat(C3), r, splat(C2)))
    high = fma(fma(splat(C9), r, splat(C8)), r2, fma(splat(C7), r, splat(C6)))
    r4 = r2 * r2
    high = fma(fma(splat(C11), r, splat(C10)), r4, high)
    power = as_float(as_int(shifted) << splat(52))
    return r, fma(high, r4, low), k, power


@inline
def exp(x):
    """Return exp(x) for -708 <= x <= 709, and the end's value beyond; to 2 units in the last place."""
    x = clamped(x, LOWEST, HIGHEST)
    r, poly, _, power = _reduced(x)
    return fma(fma(poly, r * r, r), power, power)


@inline
def tanh(x):
    """Return tanh(x), to 2 units in the last place."""
    t = magnitude(x)
    t = select(splat(SATURATED) < t, splat(SATURATED), t)
    t = t + t
    r, poly, k, power = _reduced(t)
    # What rounding took from r: t - k log 2 is exact with the leading bits of log 2.
    exact = fma(k, splat(-LOG_2_LEADING), t)
    rounded = fma(k, splat(-LOG_2_TRAILING), exact - r)
    rest = r + fma(poly, r * r, rounded)
    minus_1 = fma(power, rest, power - splat(1.0))  # exp(t) - 1, without cancellation near 0
    below = minus_1 + splat(2.0)
    inverse = splat(1.0) / below
    size = minus_1 * inverse
    left = fma(-size, below, minus_1) - size * (minus_1 - (below - splat(2.0)))
    size = fma(left, inverse, size)
    return as_float(as_int(size) | (as_int(x) & splat(SIGN)))


@inline
def _one_plus_exp_minus(x):
    r, poly, _, power = _reduced(-clamped(x, -FARTHEST, FARTHEST))
    return splat(1.0) + fma(fma(poly, r * r, r), power, power)


@inline
def logistic(x):
    """Return 1 / (1 + exp(-x)) for |x| <= 176, and the end's value (to 1e-76) beyond; to 4 ulp."""
    return splat(1.0) / _one_plus_exp_minus(x)


@inline
def logistic_4(a, b, c, d):
    """Return `logistic` of four vectors with a single division: 1/a = b/(a b)."""
    a, b = _one_plus_exp_minus(a), _one_plus_exp_minus(b)
    c, d = _one_plus_exp_minus(c), _one_plus_exp_minus(d)
    ab, cd = a * b, c * d
    inverse = splat(1.0) / (ab * cd)
    inverse_ab, inverse_cd = cd * inverse, ab * inverse
    return b * inverse_ab, a * inverse_ab, d * inverse_cd, c * inverse_cd
