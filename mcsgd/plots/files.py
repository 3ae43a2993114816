"""Figures, and the files they are written to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mcsgd.errors import InputError, MissingExtraError
from mcsgd.storage.output import check_output, new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_picture", "empty_figure", "save_picture"]

SUFFIXES = (".png", ".pdf", ".svg")


def check_picture(path: str | os.PathLike[str], replace: bool = False) -> Path:
    """Say, before anything is drawn, whether a picture can be made at `path`.

    Raises
    ------
    InputError
        If the ending is not .png, .pdf or .svg, or nothing can be written there.
    OutputExistsError
        If something is there, unless `replace` is set.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError([("output", f"must end in {', '.join(SUFFIXES)}, got {path}")])
    return check_output(path, "output", replace)


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
