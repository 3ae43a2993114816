"""Figures, and the files they are written to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcsgd.errors import InputError, MissingExtraError
from mcsgd.storage.output import check_output, new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_drawing", "check_picture", "empty_figure", "finish", "save_picture"]

SUFFIXES = (".png", ".pdf", ".svg")


def check_picture(path: str | os.PathLike[str], replace: bool = False, source: Path | None = None) -> Path:
    """Say, before anything is drawn, whether a picture can be made at `path`.

    Raises
    ------
    InputError
        If the ending is not .png, .pdf or .svg, nothing can be written there, or it is the file `source` that
        is to be drawn.
    OutputExistsError
        If something is there, unless `replace` is set.
    """
    return check_drawing(path, SUFFIXES, replace, source)


def check_drawing(
    path: str | os.PathLike[str], suffixes: Sequence[str], replace: bool, source: Path | None
) -> Path:
    """Say the same of a file with one of these endings."""
    if Path(path).suffix.lower() not in suffixes:
        raise InputError([("output", f"must end in {', '.join(suffixes)}, got {path}")])
    target = check_output(path, "output", replace, instead="replace it: --force, or replace=True in Python")
    if source is not None and target.exists() and source.exists() and target.samefile(source):
        raise InputError([("output", f"must not be the file that it is about, got {target}")])
    return target


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure to a file, in place of one that is there."""
    with new_file(path, replace=True) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=200)


def empty_figure(width: float, height: float) -> Figure:
    """Return an empty figure.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'mcsgd[plot]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def finish(figure: Figure, title: str = "", ncols: int = 3) -> Figure:
    """Add grids, one legend for all axes below them, and a title."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.tick_params(labelsize="small")
        handles, labels = axes.get_legend_handles_labels()
        found |= {label: handle for label, handle in zip(labels, handles, strict=True) if label not in found}
    if found:
        place = {"loc": "outside lower center", "ncols": ncols, "frameon": False, "fontsize": "small"}
        figure.legend(found.values(), found.keys(), **place)
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure
