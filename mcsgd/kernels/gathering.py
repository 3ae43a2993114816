"""Numbers that stand at a place of its own for each lane.

Elements are loaded and stored one by one: where there are instructions that gather and scatter, they are
slower than that. No bounds are checked.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mcsgd.kernels.emit import DOUBLE, INT32, INT64, LANES, call, element_pointer, shuffle
from mcsgd.kernels.lanes import F8, I8
from mcsgd.kernels.simd import lanes_of, transposed

__all__ = ["collect", "displace", "gather", "gather_pairs", "lookup"]


def _lane_values(builder, index):
    """Return the eight numbers of a vector."""
    return [builder.extract_element(index, INT32(lane)) for lane in range(LANES)]


def _joined(builder, parts):
    """Return a power of two of vectors as one."""
    while len(parts) > 1:
        places, pairs = range(2 * parts[0].type.count), zip(parts[::2], parts[1::2], strict=True)
        parts = [shuffle(builder, a, b, places) for a, b in pairs]
    return parts[0]


def _gathered(builder, base, places, element):
    """Return base[place] for each of eight places, as a vector."""
    one = ir.VectorType(element, 1)
    pointers = (builder.bitcast(builder.gep(base, [place]), one.as_pointer()) for place in places)
    return _joined(builder, [builder.load(pointer, align=8) for pointer in pointers])


@intrinsic
def gather(typing_context, array, offset, index):
    """Return array[offset + index] lane by lane."""
    lanes = lanes_of(array)
    if lanes is None or index != I8:
        return None

    def build(context, builder, sig, args):
        data, first, places = args
        element = lanes.llvm.element
        base = element_pointer(context, builder, array, data, first, element)
        return _gathered(builder, base, _lane_values(builder, places), element)

    return lanes(array, types.intp, I8), build


@intrinsic
def lookup(typing_context, table, offset, index):
    """Return table[offset + index] lane by lane, 0 <= index < 16: from registers where there is AVX-512."""
    if lanes_of(table) != F8 or index != I8:
        return None

    def build(context, builder, sig, args):
        data, first, places = args
        if "+avx512f" not in context.codegen().magic_tuple()[2]:
            base = element_pointer(context, builder, table, data, first, DOUBLE)
            return _gathered(builder, base, _lane_values(builder, places), DOUBLE)
        low = element_pointer(context, builder, table, data, first, F8.llvm)
        high = builder.gep(low, [INT64(1)])
        low, high = builder.load(low, align=8), builder.load(high, align=8)
        return call(builder, "llvm.x86.avx512.vpermi2var.pd.512", F8.llvm, [low, places, high])

    return F8(table, types.intp, I8), build


def _places(context, builder, array_type, array, at, step):
    """Return step * array[at + lane] for eight lanes."""
    first = element_pointer(context, builder, array_type, array, at, INT64)
    numbers = [builder.load(builder.gep(first, [INT64(lane)])) for lane in range(LANES)]
    return [builder.mul(number, step) for number in numbers]


@intrinsic
def gather_pairs(typing_context, table, index, at):
    """Return table[2 k] and table[2 k + 1] lane by lane, k = index[at + lane]."""
    if lanes_of(table) != F8 or lanes_of(index) != I8:
        return None
    pair = types.UniTuple(F8, 2)

    def build(context, builder, sig, args):
        table_, index_, at_ = args
        base = element_pointer(context, builder, table, table_, INT64(0), DOUBLE)
        two = ir.VectorType(DOUBLE, 2)
        pointers = [
            builder.bitcast(builder.gep(base, [place]), two.as_pointer())
            for place in _places(context, builder, index, index_, at_, INT64(2))
        ]
        pairs = [builder.load(pointer, align=8) for pointer in pointers]
        even, odd = _joined(builder, pairs[::2]), _joined(builder, pairs[1::2])
        first = shuffle(builder, even, odd, [i // 2 * 2 + i % 2 * LANES for i in range(LANES)])
        second = shuffle(builder, even, odd, [i // 2 * 2 + 1 + i % 2 * LANES for i in range(LANES)])
        return context.make_tuple(builder, pair, [first, second])

    return pair(table, index, types.intp), build


@intrinsic
def collect(typing_context, table, step, offset, index, at, target, to):
    """Fill in target[to + 8 j + lane] = table[offset + step k + j] for j < 8, k = index[at + lane]."""
    if lanes_of(table) != F8 or lanes_of(index) != I8 or lanes_of(target) != F8:
        return None

    def build(context, builder, sig, args):
        table_, step_, offset_, index_, at_, target_, to_ = args
        base = element_pointer(context, builder, table, table_, offset_, DOUBLE)
        places = _places(context, builder, index, index_, at_, step_)
        pointers = [builder.bitcast(builder.gep(base, [p]), F8.llvm.as_pointer()) for p in places]
        rows = transposed(builder, [builder.load(pointer, align=8) for pointer in pointers])
        first = element_pointer(context, builder, target, target_, to_, F8.llvm)
        for j, row in enumerate(rows):
            builder.store(row, builder.gep(first, [INT64(j)]), align=8)
        return context.get_dummy_value()

    number = types.intp
    return types.void(table, number, number, index, number, target, number), build


@intrinsic
def displace(typing_context, array, first, step, places, last):
    """Put the number `last` at array[first + step place + lane], and what stood there at the place `last`."""
    if lanes_of(array) != I8 or places != I8:
        return None

    def build(context, builder, sig, args):
        array_, first_, step_, places_, last_ = args
        base = element_pointer(context, builder, array, array_, first_, INT64)
        end = builder.gep(base, [builder.mul(last_, step_)])
        for lane, place in enumerate(_lane_values(builder, places_)):
            here = builder.gep(base, [builder.add(builder.mul(place, step_), INT64(lane))])
            builder.store(builder.load(here), builder.gep(end, [INT64(lane)]))
            builder.store(last_, here)
        return context.get_dummy_value()

    number = types.intp
    return types.void(array, number, number, I8, number), build
