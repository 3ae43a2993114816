"""The one place that says how kernels are compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import types
from numba.core.caching import IndexDataCacheFile

__all__ = ["cache_directory", "compile_for", "inline", "jit", "jit_sum", "user_jit"]

# nogil: blocks of trajectories run in a thread pool. cache: a second process starts at once.
# No fastmath: it folds isfinite() to True, and divergence would go unseen. What is not wanted must be said,
# or numba takes it over from the function that is being compiled when this one is first needed.
_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": False, "forceinline": False}

# For users' functions and long sums: they may be taken in another order, several lanes at a time. What could
# hide a NaN or an infinity is not among the flags.
_RELAXED = {"reassoc", "contract", "nsz", "arcp"}

VECTOR = types.float64[::1]
INDICES = types.int64[::1]
TABLE = types.int64[:, ::1]


def jit(function: Callable[..., Any]) -> Any:
    """Compile on first use, for the argument types of that use."""
    return _kept(numba.njit(**_OPTIONS)(function))


def jit_sum(function: Callable[..., Any]) -> Any:
    """Compile as `jit`, for a sum over many terms whose order does not matter."""
    return _kept(numba.njit(**{**_OPTIONS, "fastmath": _RELAXED})(function))


def user_jit(function: Callable[..., Any]) -> Any:
    """Compile a user's function on first use, in this process only."""
    return numba.njit(nogil=True, error_model="numpy", fastmath=_RELAXED)(function)


def inline(function: Callable[..., Any]) -> Any:
    """Compile as `jit`, and put the machine code into the caller's: for a few lines on vector values."""
    return _kept(numba.njit(**{**_OPTIONS, "forceinline": True})(function))


@cache
def compile_for(function: Callable[..., Any], *arguments: Any) -> Any:
    """Compile a plain function for exactly these numba types (returning nothing), cached on disk."""
    dispatcher = _kept(numba.njit(**_OPTIONS)(function))
    dispatcher.compile(types.void(*arguments))
    dispatcher.disable_compile()
    return dispatcher


def _kept(dispatcher: Any) -> Any:
    """Keep a function on disk as `_File` does."""
    kept = dispatcher._cache
    kept._cache_file = _File(kept.cache_path, kept._impl.filename_base, kept._cache_file._source_stamp)
    return dispatcher


class _File(IndexDataCacheFile):
    """Numba's files of a function's machine code, with two things mended.

    What is there is void when any of the package's files has changed. Numba looks at the function's own file
    alone: it would run the machine code of a callee as it was before, or fail at the start, since classes
    that were moved cannot be found.

    Machine code is named after what it is of and for. Numba numbers it, and writes the index first: of two
    processes that compile at once, for other types or processors, one may from then on run the other's code;
    and after one that was killed between the two, all may run code of before a change.
    """

    def __init__(self, path: str, name: str, source_stamp: object) -> None:
        super().__init__(path, name, source_stamp)
        self._name = name
        self._version = f"{numba.__version__} {_stamp()}"

    def save(self, key: object, data: object) -> None:
        if not self._load_index():
            self._sweep()
        what = repr((self._version, self._source_stamp, key))
        digest = hashlib.sha256(what.encode()).hexdigest()[:16]
        self._data_name_pattern = f"{self._name}.{digest}.{{number:d}}.nbc"
        super().save(key, data)

    def _sweep(self) -> None:
        """Remove machine code that is void; what another process writes just now is made again."""
        for path in Path(self._cache_path).glob("*.nbc"):
            if path.name.startswith(f"{self._name}."):
                with suppress(OSError):
                    path.unlink()


@cache
def _stamp() -> str:
    """Return a hash of when the package's files were written, and how large they are."""
    package = Path(__file__).resolve().parents[1]
    found = ((path.relative_to(package), path.stat()) for path in sorted(package.rglob("*.py")))
    text = "".join(f"{path} {stat.st_mtime_ns} {stat.st_size}\n" for path, stat in found)
    return hashlib.sha256(text.encode()).hexdigest()


def cache_directory() -> str:
    """Return where the machine code of this package's functions is kept (NUMBA_CACHE_DIR moves it)."""
    return str(jit(cache_directory).stats.cache_path)
