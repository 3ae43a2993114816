"""What a page consists of, and its HTML. All text is escaped here, and nowhere else.

A page has sections, and a section has blocks: text, tables (`mcsgd.display.Table`), code, figures. To add a
kind of block, register its HTML with `to_html`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from html import escape
from importlib import resources
from typing import Any

from mcsgd.display import Table

__all__ = ["Code", "Figure", "Figures", "Page", "Section", "Text", "to_html"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may load for the page: nothing that is not in it."""


@dataclass(frozen=True)
class Text:
    """A paragraph; `leading` if it is what the page has to say."""

    text: str
    leading: bool = False


@dataclass(frozen=True)
class Code:
    """Lines to copy; folded up if they are long."""

    title: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes
    ----------
    title, caption : str
        What is printed below it.
    description : str
        What a screen reader says in its place.
    width, height : float
        Of the drawing's own units.
    drawing : str
        What is inside of its <svg>, as markup.
    """

    title: str
    caption: str
    description: str
    width: float
    height: float
    drawing: str


@dataclass(frozen=True)
class Figures:
    """Figures, side by side where there is room."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading."""

    title: str
    blocks: tuple[Any, ...]


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes
    ----------
    title : str
        The question that it answers.
    about : str
        What it is about, in one line.
    sections : tuple of Section
    footer : str
    """

    title: str
    about: str
    sections: tuple[Section, ...]
    footer: str


FOLDED = 4000
"""Characters of code, from which on it is folded up."""


@singledispatch
def to_html(block: Any) -> str:
    """Return the HTML of a block, or of a whole page."""
    raise TypeError(f"no HTML is known for {type(block).__name__}")


@to_html.register
def _(page: Page) -> str:
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{escape(page.title)} {escape(page.about)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(page.title)}</h1>
<p>{escape(page.about)}</p>
</header>
<main>
{_all(page.sections)}
</main>
<footer>
<p>{escape(page.footer)}</p>
</footer>
</body>
</html>
"""


@to_html.register
def _(section: Section) -> str:
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{_all(section.blocks)}\n</section>"


@to_html.register
def _(block: Text) -> str:
    kind = ' class="leading"' if block.leading else ""
    return f"<p{kind}>{_prose(block.text)}</p>"


@to_html.register
def _(block: Code) -> str:
    label = f'tabindex="0" role="region" aria-label="{escape(block.title)}"'
    code = f"<pre {label}><code>{escape(block.text)}</code></pre>"
    if len(block.text) > FOLDED:
        return f"<details>\n<summary>{escape(block.title)}</summary>\n{code}\n</details>"
    return f'<p class="title">{escape(block.title)}</p>\n{code}'


@to_html.register
def _(table: Table) -> str:
    heads = [f'<th scope="col"{_place(i, table)}>{escape(name)}</th>' for i, name in enumerate(table.columns)]
    head = f"<thead>\n<tr>{''.join(heads)}</tr>\n</thead>\n" if heads else ""
    rows = "\n".join(f"<tr>{_cells(row, table)}</tr>" for row in table.rows)
    kind = "" if table.columns else ' class="names"'
    notes = "".join(f"\n<p>{_prose(note)}</p>" for note in table.notes)
    title = f'<p class="title">{escape(table.caption)}</p>\n' if heads else ""
    return (
        f'{title}<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption)}">\n'
        f"<table{kind}>\n{head}<tbody>\n{rows}\n</tbody>\n</table>\n</div>{notes}"
    )


@to_html.register
def _(block: Figures) -> str:
    return f'<div class="figures">\n{_all(block.figures)}\n</div>'


@to_html.register
def _(figure: Figure) -> str:
    caption = f"<strong>{escape(figure.title)}.</strong> {_prose(figure.caption)}"
    return (
        f'<figure>\n<svg role="img" aria-label="{escape(figure.description)}" '
        f'viewBox="0 0 {figure.width:g} {figure.height:g}">\n{figure.drawing}\n</svg>\n'
        f"<figcaption>{caption}</figcaption>\n</figure>"
    )


def _all(blocks: tuple[Any, ...]) -> str:
    return "\n".join(map(to_html, blocks))


def _prose(text: str) -> str:
    """Return a text in which no line breaks within a number."""
    return re.sub(r"[\d.]+e-\d+( ± [\d.]+e-\d+)?", r'<span class="whole">\g<0></span>', escape(text))


def _cells(row: Sequence[str], table: Table) -> str:
    first, *others = map(escape, row)
    cells = "".join(f"<td{_place(i, table)}>{text}</td>" for i, text in enumerate(others, 1))
    return f'<th scope="row">{first}</th>{cells}'


def _place(column: int, table: Table) -> str:
    return ' class="number"' if 1 <= column <= table.right else ""
