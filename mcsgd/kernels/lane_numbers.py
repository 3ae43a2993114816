"""What a user's function may do with a vector of numbers: the functions of numpy and math, choices, powers.

Importing this module makes them known to numba. `exp`, `tanh` and roots work on whole vectors, the others
lane by lane by the C library.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, overload

from mcsgd.kernels import vmath
from mcsgd.kernels.emit import LANES, call
from mcsgd.kernels.jit import jit
from mcsgd.kernels.lanes import F8, MASK
from mcsgd.kernels.simd import magnitude, select, splat

__all__ = ["FUNCTIONS", "is_number"]


def is_number(x):
    """Tell whether a type is that of a number, or of a vector of them."""
    return x == F8 or isinstance(x, types.Float | types.Integer)


@lower_constant(F8)
def _constant(context, builder, lanes, number):
    return ir.Constant(lanes.llvm, [float(number)] * LANES)


@intrinsic
def lane(typing_context, vector, i):
    """Return one lane."""
    return types.float64(F8, types.intp), lambda context, builder, sig, args: builder.extract_element(*args)


@intrinsic
def with_lane(typing_context, vector, number, i):
    """Return the vector with another number in one lane."""
    signature = F8(F8, types.float64, types.intp)
    return signature, lambda context, builder, sig, args: builder.insert_element(*args)


@intrinsic
def root(typing_context, vector):
    """Return the square roots."""
    return F8(F8), lambda context, builder, sig, args: call(builder, "llvm.sqrt.v8f64", F8.llvm, args)


@jit
def exp(x):
    """Return exp(x); 0 below -708, where it is no normal number, infinity above 709 (from 709.8 on it is)."""
    y = vmath.exp(x)
    y = select(splat(vmath.HIGHEST) < x, splat(np.inf), y)
    return select(x < splat(vmath.LOWEST), splat(0.0), y)


def _by_lanes(function):
    """Return a function of a number as one of a vector."""

    @jit
    def run(x):
        y = x
        for i in range(LANES):
            y = with_lane(y, function(lane(x, i)), i)
        return y

    return run


FUNCTIONS: list[tuple[list[Any], Any]] = [
    ([np.exp, math.exp], exp),
    ([np.tanh, math.tanh], vmath.tanh),
    ([np.sqrt, math.sqrt], jit(lambda x: root(x))),
    ([abs, np.abs, np.fabs, math.fabs], jit(lambda x: magnitude(x))),
    ([np.square], jit(lambda x: x * x)),
    *(
        ([getattr(np, name), getattr(math, name)], _by_lanes(getattr(math, name)))
        for name in ["log", "log2", "log10", "log1p", "expm1", "sin", "cos", "tan", "sinh", "cosh"]
    ),
    *(([function], _by_lanes(function)) for function in (np.arcsin, np.arccos, np.arctan, np.sign)),
]
"""What is known under which names, and how a vector of it is made."""


def _add_function(functions, run):
    for function in functions:
        overload(function)(lambda x: (lambda x: run(x)) if x == F8 else None)


for _functions, _run in FUNCTIONS:
    _add_function(_functions, _run)


# Two numbers ----------------------------------------------------------------------------------


@jit
def larger(a, b):
    """Return b where it is larger, else a: Python's max."""
    return select(a < b, b, a)


@jit
def smaller(a, b):
    """Return b where it is smaller, else a: Python's min."""
    return select(b < a, b, a)


@jit
def maximum(a, b):
    """Return the larger; NaN if one is."""
    return select(b == b, larger(a, b), b)


@jit
def minimum(a, b):
    """Return the smaller; NaN if one is."""
    return select(b == b, smaller(a, b), b)


@jit
def power(x, n):
    """Return x to the power of n."""
    y = x
    for i in range(LANES):
        y = with_lane(y, lane(x, i) ** lane(n, i), i)
    return y


@jit
def integer_power(x, n):
    """Return x to an integer, by multiplications."""
    y, factor, left = splat(1.0), x, abs(n)
    while left > 0:
        if left & 1:
            y *= factor
        factor *= factor
        left >>= 1
    return y if n >= 0 else 1.0 / y


@intrinsic
def as_vector(typing_context, x):
    """Return a number in all lanes, a vector as it is."""
    return F8(F8), lambda context, builder, sig, args: args[0]


def _mixed(*operands):
    """Tell whether these are vectors and numbers, at least one a vector."""
    return F8 in operands and all(is_number(x) for x in operands)


def _add_choice(function, run):
    """Make a function known for vectors and numbers, by `run`."""
    overload(function)(lambda a, b: (lambda a, b: run(as_vector(a), as_vector(b))) if _mixed(a, b) else None)


_add_choice(max, larger)
_add_choice(min, smaller)
_add_choice(np.maximum, maximum)
_add_choice(np.minimum, minimum)


def _power(x, n):
    if x == F8 and isinstance(n, types.Integer):
        return lambda x, n: integer_power(x, n)
    if _mixed(x, n):
        return lambda x, n: power(as_vector(x), as_vector(n))
    return None


overload(operator.pow)(_power)
overload(operator.ipow)(_power)


@overload(np.where)
def _where(condition, x, y):
    if condition == MASK and _mixed(x, y):
        return lambda condition, x, y: select(condition, as_vector(x), as_vector(y))
    return None
