"""From matplotlib axes to a figure inside a page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcsgd.plots.files import empty_figure, finish
from mcsgd.reports.blocks import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_figure"]

WIDTH, HEIGHT = 4.4, 3.7
"""Inches: as wide as a phone, so that text is as large there as the page's."""

STYLE = {
    "svg.fonttype": "none",  # text stays text, to be searched and read aloud
    "svg.hashsalt": "mcsgd",  # the same bytes each time
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "axes.spines.top": False,
    "axes.spines.right": False,
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
DOTS = 200
"""Per inch, of those parts that are images."""


def draw_figure(title: str, caption: str, draw: Callable[[Axes], Axes], name: str) -> Figure:
    """Draw into axes, and return them as a figure of a page.

    Parameters
    ----------
    title, caption : str
    draw : callable
        Draws into the axes it is given; what is labelled stands in a legend below.
    name : str
        Of its own among the figures of the page.

    Returns
    -------
    Figure
    """
    import matplotlib

    with matplotlib.rc_context(STYLE):
        figure, text = empty_figure(WIDTH, HEIGHT), io.StringIO()
        axes = draw(figure.subplots())
        finish(figure, ncols=2)
        figure.savefig(text, format="svg", dpi=DOTS, metadata=NO_METADATA)
    drawing, width, height = _inside(text.getvalue())
    return Figure(title, caption, _description(title, axes), width, height, _named(drawing, name))


def _description(title: str, axes: Axes) -> str:
    """Return what is drawn, for those who do not see it; what the caption says is read with it."""
    shown = ", ".join(axes.get_legend_handles_labels()[1])
    return f"{title}: {axes.get_ylabel()} against {axes.get_xlabel()}. Shown: {shown}."


def _inside(svg: str) -> tuple[str, float, float]:
    """Return what is inside of an <svg> but its style, which the page has, and its width and height."""
    _, width, height = re.split(r'viewBox="0 0 (\S+) (\S+)"', svg, maxsplit=1)[:3]
    inside = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    inside = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", inside, flags=re.DOTALL)
    return inside.strip(), float(width), float(height)


def _named(drawing: str, name: str) -> str:
    """Return a drawing whose ids are not those of another one of the same page."""
    return re.sub(r'(\bid="|\bhref="#|\burl\(#)', rf"\g<1>{name}-", drawing)
