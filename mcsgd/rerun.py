"""An experiment file, written again: what to give to `mcsgd run` or `study` to have the same trajectories."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from mcsgd.errors import InputError
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.studies.study import Study

__all__ = ["experiment_text", "settings_text", "toml_text"]


def experiment_text(found: Run | Study) -> str:
    """Return the experiment file of a run or a study, as TOML.

    It is of as many trajectories as the run has, and without settings that have their default. Paths in it
    are relative to the experiment file, as they were.

    Parameters
    ----------
    found : Run or Study
        Of an experiment file, or of `mcsgd.Experiment`.

    Returns
    -------
    str
        `mcsgd.Experiment.read` reads it, and the trajectories are the same.

    Raises
    ------
    InputError
        If it was made from Python, where problem and start are arrays and have no names.
    """
    named = dict(found.experiment)
    if "start" not in named:
        made = "study" if isinstance(found, Study) else "run"
        call = "mcsgd.study" if made == "study" else "mcsgd.simulate"
        raise InputError([(made, f"must come from an experiment file, got one of {call}")])
    if isinstance(found, Study):
        if any(set(point.gaps) != set(found.fields) for point in found.points):
            named.pop("flow", None)  # each point has those that theory has for it
        return toml_text({**named, **Settings.from_tables(named).as_tables(defaults=False)})
    named.pop("study", None)
    return toml_text({**named, **found.cloud.settings.as_tables(defaults=False)})


def settings_text(settings: Settings) -> str:
    """Return the line of Python that makes some settings, those aside that have their default."""
    tables = settings.as_tables(defaults=False).values()
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
