"""Small matrix products for the step kernels: a few rows of scalars times a panel of contiguous rows.

    out[g, :] = sum_k scalars[g, k] rows[k, :]

Rows of `out` are held in registers while k runs. Every element is one chain of fused multiply-adds in
the order of k, so its bits depend neither on how many rows go together nor on the machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mcsgd.kernels.emit import (
    DOUBLE,
    DOUBLES,
    INT64,
    LANES,
    call,
    carried_loop,
    element_pointer,
    splat_value,
)
from mcsgd.kernels.jit import inline

__all__ = ["aligned", "multiply", "multiply_into", "padded"]


class _Operands(NamedTuple):
    """Numba types or LLVM values of a product's arguments, in the order of `multiply`'s."""

    scalars: Any
    bases: Any
    first: Any  # of the rows of scalars
    step: Any
    rows: Any
    start: Any
    row_step: Any
    count: Any

    @classmethod
    def signature(cls, scalars, bases, rows):
        """Return the numba types."""
        index = types.intp
        return cls(scalars, bases, index, index, rows, index, index, index)


def _vector_at(builder, base, v):
    """Return the pointer to the v-th vector from a pointer to doubles."""
    return builder.bitcast(builder.gep(base, [INT64(LANES * v)]), DOUBLES.as_pointer())


def _sums(context, builder, numba_types, values, G, V):
    """Emit the sums over k for G rows of scalars and V vectors, in registers: {(g, v): sum}."""
    a = values
    base_pointer = element_pointer(context, builder, numba_types.bases, a.bases, a.first, INT64)
    scalar_pointer = element_pointer(context, builder, numba_types.scalars, a.scalars, INT64(0), DOUBLE)
    starts = [
        builder.gep(scalar_pointer, [builder.load(builder.gep(base_pointer, [INT64(g)]))]) for g in range(G)
    ]
    row_pointer = element_pointer(context, builder, numba_types.rows, a.rows, a.start, DOUBLE)

    def advance(k, sums):
        """Emit the multiply-adds of one k."""
        row, offset = builder.gep(row_pointer, [builder.mul(k, a.row_step)]), builder.mul(k, a.step)
        panel = [builder.load(_vector_at(builder, row, v), align=8) for v in range(V)]
        scalars = [splat_value(builder, builder.load(builder.gep(start, [offset]))) for start in starts]
        pairs = [(scalar, vector) for scalar in scalars for vector in panel]
        terms = zip(pairs, sums, strict=True)
        return [call(builder, "llvm.fma.v8f64", DOUBLES, [*pair, total]) for pair, total in terms]

    sums = carried_loop(builder, a.count, [ir.Constant(DOUBLES, None)] * (G * V), advance)
    return {(g, v): sums[g * V + v] for g in range(G) for v in range(V)}


@intrinsic(prefer_literal=True)
def _block(
    typing_context, G, V, scalars, bases, first, step, rows, start, row_step, count, out, at, out_step
):
    """Write the sums of G rows, V vectors each (both literal), to out[at + g out_step + lane]."""
    if not (isinstance(G, types.IntegerLiteral) and isinstance(V, types.IntegerLiteral)):
        return None
    operands, index = _Operands.signature(scalars, bases, rows), types.intp

    def build(context, builder, sig, args):
        _, _, *values, out_, at_, out_step_ = args
        height, width = G.literal_value, V.literal_value
        sums = _sums(context, builder, operands, _Operands(*values), height, width)
        out_pointer = element_pointer(context, builder, out, out_, at_, DOUBLE)
        for g in range(height):
            line = builder.gep(out_pointer, [builder.mul(out_step_, INT64(g))])
            for v in range(width):
                builder.store(sums[g, v], _vector_at(builder, line, v), align=8)
        return context.get_dummy_value()

    return types.void(G, V, *operands, out, index, index), build


@intrinsic(prefer_literal=True)
def _block_into(
    typing_context,
    G,
    V,
    scalars,
    bases,
    first,
    step,
    rows,
    start,
    row_step,
    count,
    out,
    places,
    shift,
    keep,
    rate,
):
    """Replace G rows of V vectors, out[places[first + g] + shift + lane], by keep times them + rate sum."""
    if not (isinstance(G, types.IntegerLiteral) and isinstance(V, types.IntegerLiteral)):
        return None
    operands, number = _Operands.signature(scalars, bases, rows), types.float64

    def build(context, builder, sig, args):
        _, _, *values, out_, places_, shift_, keep_, rate_ = args
        height, width, values = G.literal_value, V.literal_value, _Operands(*values)
        sums = _sums(context, builder, operands, values, height, width)
        kept, rates = splat_value(builder, keep_), splat_value(builder, rate_)
        out_pointer = element_pointer(context, builder, out, out_, shift_, DOUBLE)
        place_pointer = element_pointer(context, builder, places, places_, values.first, INT64)
        for g in range(height):
            line = builder.gep(out_pointer, [builder.load(builder.gep(place_pointer, [INT64(g)]))])
            for v in range(width):
                target = _vector_at(builder, line, v)
                old = builder.fmul(builder.load(target, align=8), kept)
                new = call(builder, "llvm.fma.v8f64", DOUBLES, [sums[g, v], rates, old])
                builder.store(new, target, align=8)
        return context.get_dummy_value()

    return types.void(G, V, *operands, out, places, types.intp, number, number), build


def _panels(width):
    """Return kernels for panels of `width` vectors; six rows of four vectors fill 24 of 32 registers."""

    @inline
    def panel(scalars, bases, height, step, rows, start, row_step, count, out, at, out_step):
        g = 0
        while g + 6 <= height:
            to = at + g * out_step
            _block(6, width, scalars, bases, g, step, rows, start, row_step, count, out, to, out_step)
            g += 6
        while g + 3 <= height:
            to = at + g * out_step
            _block(3, width, scalars, bases, g, step, rows, start, row_step, count, out, to, out_step)
            g += 3
        while g < height:
            to = at + g * out_step
            _block(1, width, scalars, bases, g, step, rows, start, row_step, count, out, to, out_step)
            g += 1

    @inline
    def panel_into(scalars, bases, height, step, rows, start, row_step, count, out, places, x, keep, rate):
        g = 0
        while g + 6 <= height:
            _block_into(
                6, width, scalars, bases, g, step, rows, start, row_step, count, out, places, x, keep, rate
            )
            g += 6
        while g + 3 <= height:
            _block_into(
                3, width, scalars, bases, g, step, rows, start, row_step, count, out, places, x, keep, rate
            )
            g += 3
        while g < height:
            _block_into(
                1, width, scalars, bases, g, step, rows, start, row_step, count, out, places, x, keep, rate
            )
            g += 1

    return panel, panel_into


_panel_of_1, _panel_of_1_into = _panels(1)
_panel_of_2, _panel_of_2_into = _panels(2)
_panel_of_4, _panel_of_4_into = _panels(4)


@inline
def multiply(scalars, bases, height, step, rows, start, row_step, count, vectors, out, at, out_step):
    """Compute out[g, :] = sum_k scalars[g, k] rows[k, :].

    Parameters
    ----------
    scalars, rows, out : flat arrays of float64
    bases : int64
        scalars[g, k] is at bases[g] + k step.
    height : int
        Number of rows of scalars, g.
    start, row_step : int
        rows[k, :] begins at start + k row_step.
    count : int
        Number of k.
    vectors : int
        Number of vectors of eight in a row.
    at, out_step : int
        out[g, :] begins at at + g out_step.
    """
    v = 0
    while v + 4 <= vectors:
        x = v * LANES
        _panel_of_4(scalars, bases, height, step, rows, start + x, row_step, count, out, at + x, out_step)
        v += 4
    if v + 2 <= vectors:
        x = v * LANES
        _panel_of_2(scalars, bases, height, step, rows, start + x, row_step, count, out, at + x, out_step)
        v += 2
    if v < vectors:
        x = v * LANES
        _panel_of_1(scalars, bases, height, step, rows, start + x, row_step, count, out, at + x, out_step)


@inline
def multiply_into(
    scalars, bases, height, step, rows, start, row_step, count, vectors, out, places, keep, rate
):
    """Compute out[g, :] = keep out[g, :] + rate sum_k scalars[g, k] rows[k, :]: a step at once.

    Arguments as `multiply`, but that out[g, :] begins at places[g].
    """
    v = 0
    while v + 4 <= vectors:
        x = v * LANES
        _panel_of_4_into(
            scalars, bases, height, step, rows, start + x, row_step, count, out, places, x, keep, rate
        )
        v += 4
    if v + 2 <= vectors:
        x = v * LANES
        _panel_of_2_into(
            scalars, bases, height, step, rows, start + x, row_step, count, out, places, x, keep, rate
        )
        v += 2
    if v < vectors:
        x = v * LANES
        _panel_of_1_into(
            scalars, bases, height, step, rows, start + x, row_step, count, out, places, x, keep, rate
        )


@inline
def aligned(size):
    """Return an uninitialised flat array that begins at a multiple of 64 bytes, and so do its vectors."""
    memory = np.empty(size + LANES)
    shift = (-(memory.ctypes.data // 8)) % LANES
    return memory[shift : shift + size]


@inline
def padded(size):
    """Return the next multiple of the number of lanes."""
    return -(-size // LANES) * LANES
