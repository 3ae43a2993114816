"""Values of eight lanes in jitted code: `F8` of float64, `I8` of 64-bit integers (unsigned where it matters).

Numba's own loops are vectorised, or not, as LLVM sees fit, and sums only with flags that let it change
their order. Here a vector is a value: what is written is what is computed, lane by lane, with
the same bits whatever the other lanes hold. On processors with shorter vectors LLVM splits the
eight lanes; the bits stay the same.

Their operators are in `mcsgd.kernels.lanes`. `load` and `store` take a contiguous
array and an offset into its memory, and check no bounds.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mcsgd.kernels.emit import DOUBLE, INT32, INT64, LANES, call, element_pointer, shuffle, splat_value
from mcsgd.kernels.lanes import F8, I8, MASK

__all__ = [
    "F8",
    "I8",
    "LANES",
    "as_float",
    "as_int",
    "counting",
    "every",
    "fma",
    "load",
    "magnitude",
    "select",
    "splat",
    "store",
    "total",
    "totals",
    "transpose",
]


# Functions ------------------------------------------------------------------------------------


def lanes_of(array):
    """Return the vector type for an array's elements."""
    if isinstance(array, types.Array) and array.layout == "C":
        return {types.float64: F8, types.int64: I8, types.uint64: I8}.get(array.dtype)
    return None


@intrinsic
def load(typing_context, array, offset):
    """Return the eight elements from `offset` on."""
    lanes = lanes_of(array)
    if lanes is None:
        return None

    def build(context, builder, sig, args):
        data, first = args
        return builder.load(element_pointer(context, builder, array, data, first, lanes.llvm), align=8)

    return lanes(array, types.intp), build


@intrinsic
def store(typing_context, array, offset, values):
    """Write eight elements from `offset` on."""
    lanes = lanes_of(array)
    if lanes is None or lanes != values:
        return None

    def build(context, builder, sig, args):
        data, first, vector = args
        builder.store(vector, element_pointer(context, builder, array, data, first, lanes.llvm), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, values), build


@intrinsic
def splat(typing_context, x):
    """Return the number in all lanes: F8 of a float64, I8 of an integer."""
    lanes = F8 if x == types.float64 else I8 if isinstance(x, types.Integer) else None
    if lanes is None:
        return None

    def build(context, builder, sig, args):
        return splat_value(builder, context.cast(builder, args[0], x, lanes.element))

    return lanes(x), build


@intrinsic
def fma(typing_context, a, b, c):
    """Return a b + c, rounded once."""
    if not a == b == c == F8:
        return None
    return F8(F8, F8, F8), lambda context, builder, sig, args: call(builder, "llvm.fma.v8f64", F8.llvm, args)


@intrinsic
def magnitude(typing_context, a):
    """Return |a|."""
    if a != F8:
        return None
    return F8(F8), lambda context, builder, sig, args: call(builder, "llvm.fabs.v8f64", F8.llvm, args)


@intrinsic
def select(typing_context, mask, a, b):
    """Return a where the mask is set, else b."""
    if mask != MASK or a != b:
        return None
    return a(MASK, a, a), lambda context, builder, sig, args: builder.select(*args)


@intrinsic
def as_int(typing_context, a):
    """Return the bits of doubles as integers."""
    return I8(F8), lambda context, builder, sig, args: builder.bitcast(args[0], I8.llvm)


@intrinsic
def as_float(typing_context, a):
    """Return integers as the bits of doubles."""
    return F8(I8), lambda context, builder, sig, args: builder.bitcast(args[0], F8.llvm)


@intrinsic
def counting(typing_context):
    """Return 0, 1, ..., 7."""
    return I8(), lambda context, builder, sig, args: ir.Constant(I8.llvm, list(range(LANES)))


@intrinsic
def every(typing_context, mask):
    """Tell whether the mask is set in all lanes."""
    if mask != MASK:
        return None

    def build(context, builder, sig, args):
        bits = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("==", bits, ir.IntType(LANES)(2**LANES - 1))

    return types.boolean(MASK), build


@intrinsic
def total(typing_context, a):
    """Return the sum of the lanes: ((0+4)+(2+6)) + ((1+5)+(3+7))."""
    if a != F8:
        return None

    def build(context, builder, sig, args):
        (value,) = args
        for distance in (4, 2, 1):
            turned = shuffle(builder, value, value, [(i + distance) % LANES for i in range(LANES)])
            value = builder.fadd(value, turned)
        return builder.extract_element(value, INT32(0))

    return types.float64(F8), build


@intrinsic
def totals(typing_context, a, b, c, d, e, f, g, h):
    """Return the sums of the lanes of eight vectors, each as `total` takes it."""
    rows = (a, b, c, d, e, f, g, h)
    if any(row != F8 for row in rows):
        return None

    def build(context, builder, sig, args):
        rows = [args[i] for i in (0, 4, 2, 6, 1, 5, 3, 7)]
        for distance in (4, 2, 1):  # add the halves of both of a pair, that of the first to the low lanes
            half = range(LANES)
            low = [i + i // distance * distance for i in half]
            rows = [
                builder.fadd(shuffle(builder, x, y, low), shuffle(builder, x, y, [i + distance for i in low]))
                for x, y in zip(rows[: len(rows) // 2], rows[len(rows) // 2 :], strict=True)
            ]
        return rows[0]

    return F8(*rows), build


def transposed(builder, rows):
    """Return the columns of eight vectors."""
    rows = list(rows)
    for distance in (1, 2, 4):  # exchange the off-diagonal blocks of this size
        low = [i % (2 * distance) < distance for i in range(LANES)]
        take_a = [i if low[i] else LANES + i - distance for i in range(LANES)]
        take_b = [i + distance if low[i] else LANES + i for i in range(LANES)]
        for i in range(LANES):
            if low[i]:
                a, b = rows[i], rows[i + distance]
                rows[i] = shuffle(builder, a, b, take_a)
                rows[i + distance] = shuffle(builder, a, b, take_b)
    return rows


@intrinsic
def transpose(typing_context, source, start, step, target, at, target_step):
    """Transpose eight rows of eight: target[at + j target_step + i] = source[start + i step + j]."""
    if lanes_of(source) != F8 or lanes_of(target) != F8:
        return None

    def build(context, builder, sig, args):
        source_, start_, step_, target_, at_, target_step_ = args
        first = element_pointer(context, builder, source, source_, start_, DOUBLE)
        rows = []
        for i in range(LANES):
            place = builder.gep(first, [builder.mul(step_, INT64(i))])
            rows.append(builder.load(builder.bitcast(place, F8.llvm.as_pointer()), align=8))
        rows = transposed(builder, rows)
        first = element_pointer(context, builder, target, target_, at_, DOUBLE)
        for j in range(LANES):
            place = builder.gep(first, [builder.mul(target_step_, INT64(j))])
            builder.store(rows[j], builder.bitcast(place, F8.llvm.as_pointer()), align=8)
        return context.get_dummy_value()

    index = types.intp
    return types.void(source, index, index, target, index, index), build
