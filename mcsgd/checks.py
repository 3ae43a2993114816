"""Validation at the border: each check names the argument, what was expected and what came.

A `Checks` object collects every issue it meets, so that a user sees all of them at once::

    checks = Checks()
    step_size = checks.number("step_size", step_size, above=0)
    epochs = checks.integer("epochs", epochs, at_least=1)
    checks.done()  # raises InputError if there was any issue
"""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import InputError, Issue

Made = TypeVar("Made")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ", did you mean X?" for the nearest known name, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def arguments_of(make: Callable[..., Any]) -> dict[str, Any]:
    """Return the names of a callable's arguments with their defaults (`inspect.Parameter.empty`: none)."""
    parameters = inspect.signature(make).parameters.items()
    return {name: p.default for name, p in parameters if p.kind != inspect.Parameter.VAR_KEYWORD}


def given_defaults(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `arguments_of` that have a default."""
    return {name: default for name, default in arguments.items() if default is not inspect.Parameter.empty}


class Checks:
    """Collects the issues of one call; see the module's docstring."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def fail(self, argument: str, message: str) -> None:
        """Record an issue."""
        self.issues.append(Issue(argument, message))

    def done(self) -> None:
        """Raise InputError with all issues, if there are any."""
        if self.issues:
            raise InputError(self.issues)

    def passed(self, argument: str) -> bool:
        """Whether nothing was found wrong with an argument."""
        return all(issue.argument != argument for issue in self.issues)

    def length(self, argument: str, array: NDArray[Any]) -> int:
        """Return a checked array's length, or 0 where it is not known because the array is wrong."""
        return len(array) if self.passed(argument) else 0

    def attempt(self, make: Callable[[], Made], places: Mapping[str, str] | None = None) -> Made | None:
        """Return what `make` returns; or record the issues of its InputError, and return None.

        `places` gives the arguments' names in the user's input; see `InputError.located`.
        """
        try:
            return make()
        except InputError as error:
            self.issues += error.located(places or {}).issues
            return None

    def known_keys(self, section: str, keys: Iterable[str], known: Iterable[str]) -> None:
        """Check that a section of an experiment file has no key but known ones."""
        names = list(known)
        for key in keys:
            if key not in names:
                self.fail(f"{section}.{key}", f"unknown key{did_you_mean(key, names)}")

    def instance(self, argument: str, value: Any, kind: type) -> None:
        """Check that something is an object of a class."""
        if not isinstance(value, kind):
            self.fail(argument, f"must be of class {kind.__name__}, got {type(value).__name__}")

    def number(
        self,
        argument: str,
        value: Any,
        above: float = -math.inf,
        at_least: float = -math.inf,
        at_most: float = math.inf,
        below: float = math.inf,
    ) -> float:
        """Check a finite real number within bounds."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            self.fail(argument, f"must be a number, got {value!r}")
            return math.nan
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail(argument, f"must be a finite number, got {number}")
        elif number <= above:
            self.fail(argument, f"must be > {above:g}, got {number:g}")
        elif number < at_least:
            self.fail(argument, f"must be >= {at_least:g}, got {number:g}")
        elif number > at_most:
            self.fail(argument, f"must be <= {at_most:g}, got {number:g}")
        elif number >= below:
            self.fail(argument, f"must be < {below:g}, got {number:g}")
        return number

    def integer(self, argument: str, value: Any, at_least: int, at_most: int = 2**63 - 1) -> int:
        """Check an integer within bounds (a float is refused even where it is whole)."""
        try:
            if isinstance(value, bool | np.bool_):
                raise TypeError
            number = operator.index(value)
        except TypeError:
            self.fail(argument, f"must be an integer, got {value!r}")
            return at_least
        if number < at_least:
            self.fail(argument, f"must be >= {at_least}, got {number}")
        elif number > at_most:
            self.fail(argument, f"must be <= {at_most}, got {number}")
        return min(max(number, at_least), at_most)  # something that later checks can use

    def share(self, argument: str, value: tuple[int, int]) -> tuple[int, int]:
        """Check (k, n), for share k = 0..n - 1 of n."""
        own = Checks()
        k, n = (own.integer(f"{argument}[{i}]", number, at_least=i) for i, number in enumerate(value))
        if not own.issues and k >= n:
            own.fail(argument, f"must be one of 0..{n - 1} of {n}, got {k} of {n}")
        self.issues += own.issues
        return k, n

    def choice(self, argument: str, value: Any, known: Iterable[str]) -> str:
        """Check one of a set of names."""
        names = list(known)
        if not isinstance(value, str) or value not in names:
            hint = did_you_mean(value, names) if isinstance(value, str) else ""
            self.fail(argument, f"must be one of {', '.join(names)}; got {value!r}{hint}")
            return names[0]
        return value

    def array(
        self, argument: str, value: Any, shape: tuple[int | None, ...], meaning: str
    ) -> NDArray[np.float64]:
        """Check an array of finite real numbers; `None` in `shape` allows any length but zero.

        Returns a read-only, C-contiguous float64 copy: later changes by the caller cannot reach it.
        """
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        empty = np.zeros([1 if n is None else n for n in shape])
        try:
            array = np.array(value)
        except ValueError:  # a ragged list
            self.fail(argument, f"must be {meaning} of shape {wanted}, got rows of unequal length")
            return empty
        if array.dtype.kind not in "iuf":
            self.fail(argument, f"must be {meaning} of real numbers, got dtype {array.dtype}")
            return empty
        fits = array.ndim == len(shape) and all(
            n is None or n == length for n, length in zip(shape, array.shape, strict=True)
        )
        if not fits:
            self.fail(argument, f"must be {meaning} of shape {wanted}, got shape {array.shape}")
            return empty
        if array.size == 0:
            self.fail(argument, f"must not be empty, got shape {array.shape}")
            return empty
        array = np.array(array, dtype=np.float64, order="C")
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            where = ", ".join(str(i) for i in bad[0])
            self.fail(
                argument, f"must be finite, got {array[tuple(bad[0])]} at [{where}] ({len(bad)} such values)"
            )
            return np.zeros(array.shape)  # of the right shape for the checks that follow
        array.flags.writeable = False
        return array
