"""What every experiment is given: a problem, a start, and settings."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings

__all__ = ["check_given", "check_kinds"]


def check_kinds(checks: Checks, problem: Problem, settings: Settings) -> None:
    """Raise InputError at once if these are something else: nothing more can then be checked."""
    kinds: dict[str, tuple[Any, type]] = {"problem": (problem, Problem), "settings": (settings, Settings)}
    for name, (value, kind) in kinds.items():
        checks.instance(name, value, kind)
    checks.done()


def check_given(checks: Checks, problem: Problem, start: ArrayLike, settings: Settings) -> Array:
    """Check that these are what they should be, and return the start, (d,); raises as `check_kinds`."""
    check_kinds(checks, problem, settings)
    return checks.array("start", start, (problem.parameters,), "one number for each parameter")
