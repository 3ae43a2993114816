"""A run's experiment file, written again: what to give to `mcsgd run` to have the same trajectories."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from mcsgd.errors import InputError
from mcsgd.run import Run

__all__ = ["experiment_text", "settings_text", "toml_text"]


def experiment_text(run: Run) -> str:
    """Return the experiment file of a run, as TOML.

    It is of as many trajectories as the run has, and without settings that have their default. Paths in it
    are relative to the experiment file, as they were.

    Parameters
    ----------
    run : Run
        Of an experiment file, or of `mcsgd.Experiment`.

    Returns
    -------
    str
        `mcsgd.Experiment.read` reads it, and the trajectories are the same.

    Raises
    ------
    InputError
        If it was simulated from Python, where problem and start are arrays and have no names.
    """
    if "start" not in run.experiment:
        raise InputError([("run", "must come from an experiment file, got one of mcsgd.simulate")])
    named = {name: table for name, table in run.experiment.items() if name != "study"}
    return toml_text({**named, **run.cloud.settings.as_tables(defaults=False)})


def settings_text(run: Run) -> str:
    """Return the line of Python that makes a run's settings, those aside that have their default."""
    tables = run.cloud.settings.as_tables(defaults=False).values()
    given = ", ".join(f"{name}={value!r}" for table in tables for name, value in table.items())
    return f"settings = mcsgd.Settings({given})"


def toml_text(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return sections of plain JSON as TOML; what is None, which TOML has not, is left out.

    Examples
    --------
    >>> print(toml_text({"sgd": {"step_size": 1e-05, "order": [1, 0]}}), end="")
    [sgd]
    step_size = 1e-05
    order = [1, 0]
    """
    sections = [
        "\n".join(
            [f"[{_key(name)}]", *(f"{_key(k)} = {_value(v)}" for k, v in table.items() if v is not None)]
        )
        for name, table in tables.items()
    ]
    return "\n\n".join(sections) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    """Return a string's literal: JSON's escapes are TOML's, but for the character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    match value:
        case str():
            return _text(value)
        case list():
            return f"[{', '.join(_value(item) for item in value if item is not None)}]"
        case Mapping():
            items = (f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
            return f"{{{', '.join(items)}}}"
        case float() if not math.isfinite(value):
            return str(value)  # nan, inf, -inf: not JSON's names
    return json.dumps(value)
