"""What results look like: tables, in text for terminals and in HTML for notebooks.

The HTML is plain: no colours, so that dark pages can show it as well, no scripts, nothing from elsewhere.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["MOST_NUMBERS", "Shown", "Table", "counted", "interval", "number", "p_value", "pairs", "vector"]

MOST_CHARACTERS, MOST_NUMBERS = 60, 6
"""Of a value's text, and of a vector, that are shown."""
CAPTION, CELL = "text-align: left; font-weight: bold; white-space: nowrap", "padding: 0.1em 0.6em"


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    caption : str
    columns : sequence of str
        Their names; none, for rows of a name and what it is.
    rows : sequence of sequence of str
    right : int
        The columns 1..right hold numbers.
    notes : sequence of str
        Lines below the table.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: int = 0
    notes: Sequence[str] = ()

    def as_text(self) -> str:
        """Return the table in lines of text."""
        lines = [self.columns, *self.rows] if self.columns and self.rows else self.rows
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = [
            "  ".join(
                cell.rjust(width) if 1 <= i <= self.right else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, *texts, *self.notes])

    def as_html(self) -> str:
        """Return the table as HTML."""
        head = f"<thead>{self._line('th', self.columns)}</thead>" if self.columns and self.rows else ""
        body = "".join(self._line("td", row) for row in self.rows)
        notes = "".join(f'<div style="{CELL}">{html.escape(note)}</div>' for note in self.notes)
        caption = f'<caption style="{CAPTION}">{html.escape(self.caption)}</caption>'
        return f"<table>{caption}{head}<tbody>{body}</tbody></table>{notes}"

    def _line(self, tag: str, texts: Sequence[str]) -> str:
        sides = ["right" if 1 <= i <= self.right else "left" for i in range(len(texts))]
        cells = [
            f'<{tag} style="{CELL}; text-align: {side}">{html.escape(text)}</{tag}>'
            for side, text in zip(sides, texts, strict=True)
        ]
        return f"<tr>{''.join(cells)}</tr>"


class Shown:
    """A result that `print` and notebooks show in tables. What is not known yet is not computed for it."""

    def tables(self) -> list[Table]:
        """Return the tables."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n\n".join(table.as_text() for table in self.tables())

    def _repr_html_(self) -> str:
        return "".join(table.as_html() for table in self.tables())


def number(value: float, digits: int) -> str:
    """Return a number in so many significant digits, or a dash for none.

    Examples
    --------
    >>> number(0.000123456, 3), number(float("nan"), 3)
    ('1.23e-04', '-')
    """
    return "-" if math.isnan(value) else f"{value:.{digits - 1}e}"


def interval(ends: Any) -> str:
    """Return an interval, or a dash for none.

    Examples
    --------
    >>> interval((0.0, 1.5e-4))
    '0 to 1.50e-04'
    """
    lower, upper = ends
    return "-" if math.isnan(lower) else f"{_zero(lower)} to {_zero(upper)}"


def p_value(p: float) -> str:
    """Return a p-value, or a dash for none.

    Examples
    --------
    >>> p_value(0.3123), p_value(1e-20)
    ('0.31', '< 1e-12')
    """
    if math.isnan(p):
        return "-"
    return "< 1e-12" if p < 1e-12 else f"{p:.2g}"


def vector(values: NDArray[Any]) -> str:
    """Return the first numbers of a vector (d,).

    Examples
    --------
    >>> import numpy as np
    >>> vector(np.arange(10.0))
    '0, 1, 2, 3, 4, 5, ... (10 numbers)'
    """
    first = ", ".join(f"{value:.6g}" for value in values[:MOST_NUMBERS])
    return first if len(values) <= MOST_NUMBERS else f"{first}, ... ({len(values)} numbers)"


def pairs(values: Mapping[str, Any]) -> str:
    """Return names and values in a line, the beginning only of those that are long.

    Examples
    --------
    >>> pairs({"epochs": 2, "order": [1, 0], "note": ""})
    'epochs = 2, order = 1 0'
    """
    texts = {key: _in_words(value) for key, value in values.items()}
    return ", ".join(f"{key} = {text}" for key, text in texts.items() if text)


def counted(count: int, singular: str, plural: str) -> str:
    """Return so many of something.

    Examples
    --------
    >>> counted(1, "pair", "pairs"), counted(2, "pair", "pairs")
    ('1 pair', '2 pairs')
    """
    return f"{count} {singular if count == 1 else plural}"


def _in_words(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 4] + " ..."


def _zero(value: float) -> str:
    return "0" if value == 0 else number(value, 3)
