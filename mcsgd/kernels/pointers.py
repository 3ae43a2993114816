"""Jitted functions as plain pointers, to pass to other jitted functions.

A jitted function passed as such makes its caller a new specialisation, compiled anew in every process; as
a first-class function it is a pointer, and the caller stays in the disk cache. Numba looks the addresses
of first-class functions up at every call, which takes longer than a small block of trajectories; a
`Pointer` holds them. Calls go through numba's own calling convention: exceptions propagate.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

from numba import types
from numba.core import cgutils
from numba.experimental.function_type import FunctionModel, _get_jit_address, _get_wrapper_address
from numba.extending import NativeValue, register_model, unbox

__all__ = ["Pointer", "pointer_to"]


class PointerType(types.FunctionType):
    """The numba type of a `Pointer`: a first-class function, received in another way."""


register_model(PointerType)(FunctionModel)


class Pointer:
    """A jitted function for given argument types; `type` is its numba type."""

    def __init__(self, function: Any, signature: Any) -> None:
        function.compile(signature.args)
        self.type = self._numba_type_ = PointerType(signature)
        self.function = function  # keeps the machine code alive
        self.c_address = _get_wrapper_address(function, signature)
        self.address = _get_jit_address(function, signature)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a pointer is of no use in another process")


@cache
def pointer_to(function: Any, *arguments: Any, returns: Any = types.void) -> Pointer:
    """Compile a jitted function for the given numba types; return the pointer to it."""
    return Pointer(function, returns(*arguments))


@unbox(PointerType)
def _unbox(numba_type: Any, pointer: Any, context: Any) -> NativeValue:
    received = cgutils.create_struct_proxy(numba_type)(context.context, context.builder)
    for member, attribute in (("c_addr", "c_address"), ("jit_addr", "address")):
        address = context.pyapi.object_getattr_string(pointer, attribute)
        setattr(received, member, context.pyapi.long_as_voidptr(address))
        context.pyapi.decref(address)
    received.py_addr = context.builder.bitcast(pointer, context.context.get_value_type(types.voidptr))
    return NativeValue(received._getvalue())
