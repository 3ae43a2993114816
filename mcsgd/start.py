"""Where trajectories start: the [start] section of an experiment file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcsgd.checks import Checks, arguments_of, given_defaults
from mcsgd.ensemble import Array

__all__ = ["STARTS", "make_start"]


def _value(checks: Checks, parameters: int | None, value: Any) -> Array:
    """Return the given numbers."""
    return checks.array("start.value", value, (parameters,), "one number for each parameter")


def _zeros(checks: Checks, parameters: int | None) -> Array:
    """Return the origin."""
    return np.zeros(parameters or 1)


def _normal(checks: Checks, parameters: int | None, scale: Any = 1.0, seed: Any = 0) -> Array:
    """Return independent normal numbers of mean 0 and the given standard deviation."""
    scale = checks.number("start.scale", scale, at_least=0)
    seed = checks.integer("start.seed", seed, at_least=0)
    size = parameters or 1
    return np.empty(size) if checks.issues else np.random.default_rng(seed).normal(scale=scale, size=size)


STARTS: dict[str, Callable[..., Array]] = {"value": _value, "zeros": _zeros, "normal": _normal}


def make_start(table: Mapping[str, Any], parameters: int | None) -> tuple[Array, dict[str, Any]]:
    """Return the start (d,) that a [start] section describes, and the section with defaults filled in.

    Where the problem is wrong and d not known (None), the section is checked as far as it can be.

    Raises
    ------
    InputError
        With all that is wrong in the section.
    """
    checks = Checks()
    arguments = dict(table)
    kind = checks.choice("start.kind", arguments.pop("kind", "value"), STARTS)
    checks.done()
    known = dict(list(arguments_of(STARTS[kind]).items())[2:])  # not checks, parameters
    checks.known_keys("start", arguments, known)
    if kind == "value" and "value" not in arguments:
        checks.fail("start.value", "is needed: one number for each parameter")
    checks.done()
    start = STARTS[kind](checks, parameters, **arguments)
    checks.done()
    return start, {"kind": kind, **given_defaults(known), **arguments}
