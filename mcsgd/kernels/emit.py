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
    "carried_loop",
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
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(places)), list(places)))


def carried_loop(builder, count, values, advance):
    """Emit a loop over k = 0, ..., count - 1 that keeps values in registers; return what they are after it.

    `advance(k, values)` emits one round and returns the new values.
    """
    entry, body = builder.block, builder.append_basic_block("loop")
    done = builder.append_basic_block("loop.end")
    builder.cbranch(builder.icmp_signed("<", INT64(0), count), body, done)
    builder.position_at_end(body)
    k, held = builder.phi(INT64), [builder.phi(value.type) for value in values]
    new = advance(k, held)
    following = builder.add(k, INT64(1))
    for phi, before, after in zip([k, *held], [INT64(0), *values], [following, *new], strict=True):
        phi.add_incoming(before, entry)
        phi.add_incoming(after, body)
    builder.cbranch(builder.icmp_signed("<", following, count), body, done)
    builder.position_at_end(done)
    results = [builder.phi(value.type) for value in values]
    for phi, before, after in zip(results, values, new, strict=True):
        phi.add_incoming(before, entry)
        phi.add_incoming(after, body)
    return results
