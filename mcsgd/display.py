"""What results look like: tables, in text for terminals and in HTML for notebooks.

The HTML is plain: no colours, so that dark pages can show it as well, no scripts, nothing from elsewhere.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = [
    "MOST_ITEMS",
    "MOST_NUMBERS",
    "Shown",
    "Table",
    "counted",
    "interval",
    "measured",
    "number",
    "p_value",
    "pairs",
    "vector",
]

MOST_ITEMS, MOST_NUMBERS = 12, 6
"""Of a list among other values, and of a vector, that are written out."""
MOST_DIGITS = 15
PLURALS = {"batch": "batches", "process": "processes", "trajectory": "trajectories"}
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


def rounded(value: float, digits: int) -> str:
    """Return a number of a size that words can have, in so many significant digits.

    Examples
    --------
    >>> rounded(1473.2, 3), rounded(2.248e7, 3), rounded(19.96, 2)
    ('1470', '2.25e+07', '20')
    """
    return f"{float(f'{value:.{digits}g}'):g}"


def measured(value: float, error: float) -> str:
    """Return a number to the second digit of its standard error; in ten digits where that is not known.

    Examples
    --------
    >>> measured(1.13439980213, 2.7e-6), measured(120.0, 3.0), measured(0.5, float("nan"))
    ('1.1343998', '120.0', '0.5')
    """
    if not (value and 0 < error < math.inf):
        return f"{value:.10g}"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 2
    return f"{value:#.{min(max(digits, 2), MOST_DIGITS)}g}".removesuffix(".")


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
    """Return names and values in a line; of a long list, how long it is.

    Examples
    --------
    >>> pairs({"epochs": 2, "order": [1, 0], "x": [0.5] * 1000, "note": ""})
    'epochs = 2, order = 1 0, x = 1000 items'
    """
    texts = {key: _in_words(value) for key, value in values.items() if value is not None}
    return ", ".join(f"{key} = {text}" for key, text in texts.items() if text)


def counted(count: int, what: str) -> str:
    """Return so many of something, whose name is in the plural if they are not one.

    Examples
    --------
    >>> counted(1, "batch"), counted(20, "batch"), counted(2, "epoch")
    ('1 batch', '20 batches', '2 epochs')
    """
    return f"{count} {what}" if count == 1 else f"{count} {PLURALS.get(what, f'{what}s')}"


def _in_words(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    if value and isinstance(value[0], list | tuple):
        return f"{' x '.join(map(str, _shape(value)))} numbers"
    return f"{len(value)} items" if len(value) > MOST_ITEMS else " ".join(map(str, value))


def _shape(value: Any) -> Iterator[int]:
    while isinstance(value, list | tuple):
        yield len(value)
        value = value[0] if value else None


def _zero(value: float) -> str:
    return "0" if value == 0 else number(value, 3)
