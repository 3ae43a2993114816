"""The types of vector values in jitted code, and their operators.

F8 has + - * / and comparisons (which give a mask), also with numbers, which fill all lanes; I8 has
+ - * & | ^ << >>; masks have & |.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core.typeconv import Conversion
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, lower_cast, models, register_model

from mcsgd.kernels.emit import DOUBLE, INT64, LANES, splat_value

__all__ = ["F8", "I8", "MASK", "Lanes"]


class Lanes(types.Type):
    """Numba's type of a vector value; `element` is the type of one lane."""

    def __init__(self, name, element, llvm_element):
        super().__init__(name=name)
        self.element = element
        self.llvm = ir.VectorType(llvm_element, LANES)

    def can_convert_from(self, typing_context, other):
        """Say that a number becomes doubles, in all lanes: `z = 0.0; z += vector`."""
        return Conversion.safe if self == F8 and isinstance(other, _NUMBERS) else None

    def unify(self, typing_context, other):
        """Return the type of a variable that is now this, now the other."""
        return self if self == F8 and isinstance(other, _NUMBERS) else None


_NUMBERS = types.Float, types.Integer
F8 = Lanes("F8", types.float64, DOUBLE)
I8 = Lanes("I8", types.int64, INT64)
MASK = Lanes("mask of 8", types.boolean, ir.IntType(1))


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    """A vector; in arrays in a packed structure, for they need not begin at a multiple of 64 bytes."""

    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, lanes.llvm)
        self._packed = ir.LiteralStructType([lanes.llvm], packed=True)

    def get_data_type(self):
        return self._packed

    def as_data(self, builder, value):
        return builder.insert_value(ir.Constant(self._packed, ir.Undefined), value, 0)

    def from_data(self, builder, value):
        return builder.extract_value(value, 0)


@lower_cast(types.Float, F8)
@lower_cast(types.Integer, F8)
def _fill(context, builder, number, lanes, value):
    return splat_value(builder, context.cast(builder, value, number, lanes.element))


# Operators ------------------------------------------------------------------------------------

_OPERATORS = [
    (operator.add, F8, F8, "fadd"),
    (operator.sub, F8, F8, "fsub"),
    (operator.mul, F8, F8, "fmul"),
    (operator.truediv, F8, F8, "fdiv"),
    (operator.iadd, F8, F8, "fadd"),
    (operator.isub, F8, F8, "fsub"),
    (operator.imul, F8, F8, "fmul"),
    (operator.itruediv, F8, F8, "fdiv"),
    (operator.lt, F8, MASK, "<"),
    (operator.le, F8, MASK, "<="),
    (operator.gt, F8, MASK, ">"),
    (operator.ge, F8, MASK, ">="),
    (operator.eq, F8, MASK, "=="),
    (operator.add, I8, I8, "add"),
    (operator.sub, I8, I8, "sub"),
    (operator.mul, I8, I8, "mul"),
    (operator.and_, I8, I8, "and_"),
    (operator.or_, I8, I8, "or_"),
    (operator.xor, I8, I8, "xor"),
    (operator.lshift, I8, I8, "shl"),
    (operator.rshift, I8, I8, "lshr"),
    (operator.and_, MASK, MASK, "and_"),
    (operator.or_, MASK, MASK, "or_"),
]


def _add_operator(function, operand, result, instruction):
    class Template(ConcreteTemplate):
        cases = [signature(result, operand, operand)]  # noqa: RUF012 - numba's way

    infer_global(function)(Template)

    @lower_builtin(function, operand, operand)
    def lower(context, builder, sig, args):
        if instruction in ("<", "<=", ">", ">=", "=="):
            return builder.fcmp_ordered(instruction, *args)
        return getattr(builder, instruction)(*args)


for _row in _OPERATORS:
    _add_operator(*_row)


@infer_global(operator.neg)
class _Neg(ConcreteTemplate):
    cases = [signature(F8, F8)]  # noqa: RUF012 - numba's way


@lower_builtin(operator.neg, F8)
def _lower_neg(context, builder, sig, args):
    return builder.fneg(args[0])
