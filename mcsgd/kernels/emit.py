"""Pieces of LLVM code that `mcsgd.kernels.simd` and `mcsgd.kernels.products` are built of."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

__all__ = [
    "DOUBLE",
    "DOUBLES",
    "INT32",
    "INT64",
    "LANES",
    "call",
    "element_pointer",
    "shuffle",
    "splat_value",
]

LANES = 8
INT32, INT64, DOUBLE = ir.IntType(32), ir.IntType(64), ir.DoubleType()
DOUBLES = ir.VectorType(DOUBLE, LANES)


def element_pointer(context, builder, array_type, array, offset, pointee):
    """Return the pointer to an array's element, as one to `pointee`."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), pointee.as_pointer())


def splat_value(builder, value):
    """Return a vector with the value in all lanes."""
    vector = ir.VectorType(value.type, LANES)
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(empty, value, INT32(0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(INT32, LANES), None))


def call(builder, name, result, arguments):
    """Call one of LLVM's own functions."""
    function_type = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)


def shuffle(builder, a, b, places):
    """Return the lanes at these places of a and b behind each other."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, LANES), list(places)))
