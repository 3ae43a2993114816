"""Derivatives by differences, where there is no formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mcsgd.problems.base import Array

__all__ = ["central_difference"]

RELATIVE_STEP = 7e-4  # 2^(-52/5): balances the truncation step^4 against rounding / step


def central_difference(function: Callable[[Array], Array], w: Array, v: Array) -> Array:
    """Return the derivative of a function at w along v, by the 4th-order central difference."""
    length = _length(v)
    if length == 0.0:
        return np.zeros_like(function(w))
    h = RELATIVE_STEP * max(1.0, _length(w)) / length
    near = function(w + h * v) - function(w - h * v)
    far = function(w + 2 * h * v) - function(w - 2 * h * v)
    return np.asarray((8 * near - far) / (12 * h))


def _length(v: Array) -> float:
    """Return |v|; a dot product has the bits of a BLAS, which differ between processors."""
    return math.sqrt(np.square(v).sum())
