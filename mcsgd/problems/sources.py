"""What identifies a user's function across processes: its source, and what it captures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["plain", "source_of"]


def plain(function: Any) -> Any:
    """Return the Python function of one that the user has compiled."""
    return getattr(function, "py_func", function)


def source_of(function: Callable[..., Any], seen: tuple[Any, ...] = ()) -> str:
    """Return what identifies a function across processes: source, else bytecode, and what it captures."""
    captured = inspect.getclosurevars(function)
    names = sorted({**captured.globals, **captured.nonlocals}.items())
    parts = [
        name + _identity(value, (*seen, function)) for name, value in names if not inspect.ismodule(value)
    ]
    try:
        return "\0".join([inspect.getsource(function), *parts])
    except (OSError, TypeError):
        code = function.__code__
        return "\0".join([repr((code.co_code, code.co_consts, code.co_names)), *parts])


def _identity(value: Any, seen: tuple[Any, ...]) -> str:
    """Return what identifies a captured value across processes."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype.str}{value.shape}{value.tobytes().hex()}"
    if isinstance(value, tuple):
        return "".join(_identity(item, seen) for item in value)
    function = plain(value)
    if inspect.isfunction(function):
        return "" if function in seen else source_of(function, seen)
    return repr(value)
