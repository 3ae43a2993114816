"""Whether what is in a file is the run that is meant, and if not, in what they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mcsgd.errors import OutputExistsError
from mcsgd.run import Run

__all__ = ["check_same"]

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
        more = f"; and {len(differing) - MOST_NAMED} more" if len(differing) > MOST_NAMED else ""
        raise OutputExistsError(
            f"{path} is of another experiment; it was not touched. "
            f"{'; '.join(differing[:MOST_NAMED])}{more}. Choose another name for the output"
        )


def _differences(there: Run, wanted: Run) -> list[str]:
    old, new = (_flat(run.experiment) for run in (there, wanted))
    found = [
        f"{key}: {old.get(key, 'not set')} there, {new.get(key, 'not set')} here"
        for key in old | new  # in the order of the file
        if old.get(key) != new.get(key) and key not in FREE and key.split(".")[0] in SECTIONS
    ]
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
