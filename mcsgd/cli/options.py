"""Options of the commands that take more than a type to check."""

from __future__ import annotations

import re
from pathlib import Path

from mcsgd.errors import InputError
from mcsgd.stopping import StopRules

__all__ = ["parse_task", "stop_rules", "study_rules"]


def parse_task(text: str | None, engine: str) -> tuple[int, int] | None:
    """Return (k, n) of K/N.

    Raises
    ------
    InputError
        If it is something else, or goes with another engine than local threads.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or int(match[1]) >= int(match[2]):
        raise InputError([("task", f"must be K/N with K = 0..N-1, got {text}")])
    if engine != "local":
        raise InputError([("task", f"goes with engine local, got engine {engine}")])
    return int(match[1]), int(match[2])


def stop_rules(standard_error: float | None, minutes: float | None) -> StopRules:
    """Return the rules by which a run ends early; raises as `StopRules`, under the options' names."""
    try:
        return StopRules(standard_error, None if minutes is None else 60 * minutes)
    except InputError as error:
        raise error.located({"seconds": "time_limit"}) from None


def study_rules(
    minutes: float | None, engine: str, share: tuple[int, int] | None, tasks: int | None, output: Path | None
) -> StopRules | None:
    """Return the rules by which a study ends early, if any.

    Raises
    ------
    InputError
        If the time is wrong, something needs an output and there is none, or two do not go together.
    """
    given = {
        "time_limit": minutes is not None,
        "engine": engine != "local",
        "task": share is not None,
        "tasks": tasks is not None,
    }
    issues = [(name, "needs an output, where what is done is kept") for name, used in given.items() if used]
    if output is None and issues:
        raise InputError(issues)
    if share is not None and tasks is not None:
        raise InputError([("tasks", "puts together what tasks have done, and goes without task")])
    return None if minutes is None else stop_rules(None, minutes)
