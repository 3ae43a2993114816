"""What a study can vary, and what the size is called that orders are measured in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcsgd.settings import Settings

__all__ = ["KINDS", "START", "Axis", "Kind", "ladder_axes", "size_name", "size_of", "where_text"]

START = ("start_seed", "start_index")
"""Axes of several starts: by the seed of a [start] section, or by their index in an array."""


@dataclass(frozen=True)
class Kind:
    """A kind of axis.

    Attributes
    ----------
    meaning : str
    size : str
        What orders along it are measured in; empty if it has no size.
    whole : bool
        Whether its values are integers.
    factor : float
        From rung to rung of a ladder, by default.
    """

    meaning: str
    size: str = ""
    whole: bool = False
    factor: float = 2


KINDS = {
    "step_size": Kind("step size", "step size", factor=0.5),
    "epochs": Kind("passes through the data", "epochs", whole=True),
    "batch_size": Kind("examples in a batch", "batch size", whole=True),
    "substeps": Kind("steps on each batch", "substeps", whole=True),
    "momentum": Kind("momentum", "1/(1 - momentum)"),
    "sampling": Kind("how batches are drawn"),
    "start_seed": Kind("seed of the start", whole=True),
    "start_index": Kind("index of the start", whole=True),
}


@dataclass(frozen=True)
class Axis:
    """One dimension of a study: the name of a setting, and its values."""

    name: str
    values: tuple[Any, ...]

    @property
    def kind(self) -> Kind:
        """What it is an axis of."""
        return KINDS[self.name]


def ladder_axes(axes: tuple[Axis, ...]) -> list[str]:
    """Return the names of the axes along which orders can be measured."""
    return [axis.name for axis in axes if axis.kind.size]


def size_of(name: str, settings: Settings, at: Mapping[str, Any], fixed_time: bool) -> float:
    """Return the size of a point along an axis: its value there, but for momentum and fixed time.

    Epochs at fixed time are measured by their step size, momentum beta by 1/(1 - beta).
    """
    if name == "momentum":
        return 1 / (1 - settings.momentum)
    if name == "epochs" and fixed_time:
        return settings.step_size
    return float(at[name])


def size_name(name: str, fixed_time: bool) -> str:
    """Return what `size_of` is called."""
    return "step size" if name == "epochs" and fixed_time else KINDS[name].size


def where_text(at: Mapping[str, Any]) -> str:
    """Return coordinates in words."""
    pairs = at.items()
    return ", ".join(f"{k} {v}" if isinstance(v, str | int) else f"{k} {v:g}" for k, v in pairs)
