"""Small matrix products for the step kernels: a few rows of scalars times a panel of contiguous rows.

    out[g, :] = sum_k scalars[g, k] rows[k, :]

Rows of `out` are held in registers while k runs. Every element is one chain of fused multiply-adds in
the order of k, so its bits depend neither on how many rows go together nor on the machine.
"""

from __future__ import annotations

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

__all__ = ["aligned", "multiply", "padded"]


@intrinsic(prefer_literal=True)
def _block(
    typing_context,
    height,
    width,
    scalars,
    bases,
    first,
    step,
    rows,
    start,
    row_step,
    count,
    out,
    at,
    out_step,
):
    """Compute `height` rows of `width` vectors, both literal.

    Row g's scalars are scalars[bases[first + g] + k step], k < count; the rows are
    rows[start + k row_step + lane]; the results go to out[at + g out_step + lane].
    """
    if not (isinstance(height, types.IntegerLiteral) and isinstance(width, types.IntegerLiteral)):
        return None
    G, V = range(height.literal_value), range(width.literal_value)
    index = types.intp
    sig = types.void(
        height, width, scalars, bases, index, index, rows, index, index, index, out, index, index
    )

    def build(context, builder, sig, args):
        _, _, scalars_, bases_, first_, step_, rows_, start_, row_step_, count_, out_, at_, out_step_ = args

        def at(base, offset):
            return builder.gep(base, [offset])

        def vector_at(base, v):
            return builder.bitcast(at(base, INT64(LANES * v)), DOUBLES.as_pointer())

        base_pointer = element_pointer(context, builder, bases, bases_, first_, INT64)
        scalar_pointer = element_pointer(context, builder, scalars, scalars_, INT64(0), DOUBLE)
        starts = [at(scalar_pointer, builder.load(at(base_pointer, INT64(g)))) for g in G]
        row_pointer = element_pointer(context, builder, rows, rows_, start_, DOUBLE)
        sums = [ir.Constant(DOUBLES, None) for _ in G for _ in V]

        def advance(k, sums):
            """Emit the multiply-adds of one k."""
            row, offset = at(row_pointer, builder.mul(k, row_step_)), builder.mul(k, step_)
            panel = [builder.load(vector_at(row, v), align=8) for v in V]
            scalars = [splat_value(builder, builder.load(at(start, offset))) for start in starts]
            pairs = [(scalar, vector) for scalar in scalars for vector in panel]
            terms = zip(pairs, sums, strict=True)
            return [call(builder, "llvm.fma.v8f64", DOUBLES, [*pair, total]) for pair, total in terms]

        sums = carried_loop(builder, count_, sums, advance)
        out_pointer = element_pointer(context, builder, out, out_, at_, DOUBLE)
        for g in G:
            line = at(out_pointer, builder.mul(out_step_, INT64(g)))
            for v in V:
                builder.store(sums[g * len(V) + v], vector_at(line, v), align=8)
        return context.get_dummy_value()

    return sig, build


def _panel(width):
    """Return a kernel for panels of `width` vectors; six rows of four vectors fill 24 of 32 registers."""

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

    return panel


_panel_of_1, _panel_of_2, _panel_of_4 = _panel(1), _panel(2), _panel(4)


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
        shift = v * LANES
        _panel_of_4(
            scalars, bases, height, step, rows, start + shift, row_step, count, out, at + shift, out_step
        )
        v += 4
    if v + 2 <= vectors:
        shift = v * LANES
        _panel_of_2(
            scalars, bases, height, step, rows, start + shift, row_step, count, out, at + shift, out_step
        )
        v += 2
    if v < vectors:
        shift = v * LANES
        _panel_of_1(
            scalars, bases, height, step, rows, start + shift, row_step, count, out, at + shift, out_step
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
