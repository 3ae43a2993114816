"""What a user's function may do with arrays of vectors in one dimension: arithmetic, functions, sum, dot.

Importing this module makes it known to numba. Getting and setting of elements and slices,
``sum``, ``copy`` and the like are numba's own.
"""

from __future__ import annotations

import operator

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import populate_array

from mcsgd.kernels.emit import LANES
from mcsgd.kernels.jit import jit
from mcsgd.kernels.lane_numbers import FUNCTIONS, is_number
from mcsgd.kernels.lanes import F8
from mcsgd.kernels.simd import splat

__all__ = ["LANE_VECTOR", "as_lanes"]

LANE_VECTOR = types.Array(F8, 1, "C")


@intrinsic
def as_lanes(typing_context, array):
    """Return the same memory, of float64, as vectors."""

    def build(context, builder, sig, args):
        given = context.make_array(array)(context, builder, args[0])
        seen = context.make_array(LANE_VECTOR)(context, builder)
        bytes_each = context.get_constant(types.intp, 8 * LANES)
        populate_array(
            seen,
            data=builder.bitcast(given.data, seen.data.type),
            shape=cgutils.pack_array(builder, [builder.sdiv(given.nitems, given.nitems.type(LANES))]),
            strides=cgutils.pack_array(builder, [bytes_each]),
            itemsize=bytes_each,
            meminfo=given.meminfo,
            parent=given.parent,
        )
        return impl_ret_borrowed(context, builder, LANE_VECTOR, seen._getvalue())

    return LANE_VECTOR(array), build


@register_jitable
def lane_array(size):
    """Return a new array of vectors."""
    return as_lanes(np.empty(size * LANES))


def extent(x):
    """Return an array's size, and 1 of a number."""


@overload(extent)
def _extent(x):
    return (lambda x: 1) if is_number(x) else (lambda x: x.size)


def element(x, j):
    """Return an array's element j, or its only one; a number itself."""


@overload(element)
def _element(x, j):
    return (lambda x, j: x) if is_number(x) else (lambda x, j: x[j if x.size > 1 else 0])


@jit
def common_size(a, b):
    """Return the size of arrays of the same size, or of which one has a single element."""
    sizes = extent(a), extent(b)
    if sizes[0] != sizes[1] and sizes[0] != 1 and sizes[1] != 1:
        raise ValueError("arrays of different sizes")
    return sizes[1] if sizes[0] == 1 else sizes[0]


def _is_array(x):
    return isinstance(x, types.Array) and x.ndim == 1 and is_number(x.dtype)


def _mixed_arrays(*operands):
    """Tell whether these are arrays and numbers, at least one an array, and at least one in lanes."""
    lanes = any(x == F8 or getattr(x, "dtype", None) == F8 for x in operands)
    known = all(is_number(x) or _is_array(x) for x in operands)
    return lanes and known and any(_is_array(x) for x in operands)


def _add_operator(operation, in_place):
    """Make an operator known for arrays and numbers, some of them in lanes.

    In place for this target alone, and so before numpy's, which breaks down at types without a dtype.
    """

    @overload(operation)
    def new(a, b):
        def run(a, b):
            out = lane_array(common_size(a, b))
            for j in range(out.size):
                out[j] = operation(element(a, j), element(b, j))
            return out

        return run if _mixed_arrays(a, b) else None

    @overload(in_place, target="cpu")
    def same(a, b):
        def run(a, b):
            if common_size(a, b) != a.size:
                raise ValueError("arrays of different sizes")
            if extent(b) == 1:
                only = element(b, 0)  # which may be about to change
                for j in range(a.size):
                    a[j] = operation(a[j], only)
            else:
                for j in range(a.size):
                    a[j] = operation(a[j], element(b, j))
            return a

        return run if _is_array(a) and a.dtype == F8 and _mixed_arrays(a, b) else None


for _operation, _in_place in (
    (operator.add, operator.iadd),
    (operator.sub, operator.isub),
    (operator.mul, operator.imul),
    (operator.truediv, operator.itruediv),
    (operator.pow, operator.ipow),
):
    _add_operator(_operation, _in_place)


def _dot(a, b):
    if not (_is_array(a) and _is_array(b) and _mixed_arrays(a, b)):
        return None

    def run(a, b):
        total = splat(0.0)
        if a.size != b.size:
            raise ValueError("arrays of different sizes")
        for j in range(a.size):
            total += a[j] * b[j]
        return total

    return run


overload(np.dot)(_dot)
overload(operator.matmul)(_dot)


def _add_function(function, run):
    """Make a function known for arrays of vectors."""

    def each(x):
        out = np.empty_like(x)
        for j in range(x.size):
            out[j] = run(x[j])
        return out

    overload(function)(lambda x: each if _is_array(x) and x.dtype == F8 else None)


for _functions, _run in FUNCTIONS:
    for _function in _functions:
        _add_function(_function, _run)
_add_function(operator.neg, jit(lambda x: -x))
