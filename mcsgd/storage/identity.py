"""Whether what is in a file is the run that is meant, and if not, in what they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mcsgd.errors import OutputExistsError
from mcsgd.run import Run

__all__ = ["SECTIONS", "check_same", "differences", "refusal"]

MOST_NAMED = 5
SECTIONS, FREE = ("problem", "start", "sgd", "ensemble"), ("ensemble.trajectories",)
"""Sections whose keys determine the trajectories, and keys among them that do not."""


def check_same(path: Path, there: Run, wanted: Run) -> None:
    """Raise OutputExistsError, naming what differs, if a file is of another run than the wanted one."""
    origin, other = there.cloud.origin, wanted.cloud.origin
    differing = []
    if origin.kept != other.kept:
        differing.append(f"it keeps the {origin.kept}, and not the {other.kept}")
    if origin.fingerprint != other.fingerprint:
        differing += _differences(there, wanted) or ["the data of the problem"]
    if differing:
        raise refusal(path, differing)


def refusal(path: Path, differing: Sequence[str]) -> OutputExistsError:
    """Return the exception that says in what a file differs from what is wanted."""
    more = f"; and {len(differing) - MOST_NAMED} more" if len(differing) > MOST_NAMED else ""
    return OutputExistsError(
        f"{path} is of another experiment; it was not touched. "
        f"{'; '.join(differing[:MOST_NAMED])}{more}. Choose another name for the output"
    )


def differences(there: Mapping[str, Any], here: Mapping[str, Any], sections: Sequence[str]) -> list[str]:
    """Say in which keys of these sections two experiments differ, in the order of the file."""
    old, new = _flat(there), _flat(here)
    return [
        f"{key}: {old.get(key, 'not set')} there, {new.get(key, 'not set')} here"
        for key in old | new
        if old.get(key) != new.get(key) and key not in FREE and key.split(".")[0] in sections
    ]


def _differences(there: Run, wanted: Run) -> list[str]:
    found = differences(there.experiment, wanted.experiment, SECTIONS)
    a, b = there.cloud.origin, wanted.cloud.origin
    if a.stream_version != b.stream_version:
        found.append(f"random stream: {a.stream_version} there, {b.stream_version} here")
    if not found and a.start.tobytes() != b.start.tobytes():
        found.append("the start")
    return found


def _flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_items("", tables))


def _items(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _items(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        text = str(value)
        yield prefix, text if len(text) < 60 else text[:57] + "..."
