"""Where trajectories start: the [start] section of an experiment file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.ensemble import Array

__all__ = ["STARTS", "make_start"]


def _value(checks: Checks, parameters: int, value: Any) -> Array:
    """Return the given numbers."""
    return checks.array("start.value", value, (parameters,), "one number for each parameter")


def _zeros(checks: Checks, parameters: int) -> Array:
    """Return the origin."""
    return np.zeros(parameters)


def _normal(checks: Checks, parameters: int, scale: Any = 1.0, seed: Any = 0) -> Array:
    """Return independent normal numbers of mean 0 and the given standard deviation."""
    scale = checks.number("start.scale", scale, at_least=0)
    seed = checks.integer("start.seed", seed, at_least=0)
    return np.empty(0) if checks.issues else np.random.default_rng(seed).normal(scale=scale, size=parameters)


STARTS: dict[str, tuple[Callable[..., Array], tuple[str, ...]]] = {
    "value": (_value, ("value",)),
    "zeros": (_zeros, ()),
    "normal": (_normal, ("scale", "seed")),
}
"""Each kind's maker and the keys it takes."""


def make_start(table: Mapping[str, Any], parameters: int) -> Array:
    """Return the start (d,) that a [start] section describes.

    Raises
    ------
    InputError
        With all that is wrong in the section.
    """
    checks = Checks()
    arguments = dict(table)
    kind = checks.choice("start.kind", arguments.pop("kind", "value"), STARTS)
    checks.done()
    make, known = STARTS[kind]
    checks.known_keys("start", arguments, known)
    if kind == "value" and "value" not in arguments:
        checks.fail("start.value", "is needed: one number for each parameter")
    checks.done()
    start = make(checks, parameters, **arguments)
    checks.done()
    return start
