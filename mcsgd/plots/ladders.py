"""The picture of a study: distances over its ladders of sizes, with their slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mcsgd.errors import InputError
from mcsgd.ladders.result import FieldOrder, Ladder
from mcsgd.plots.files import empty_figure, finish
from mcsgd.plots.styles import field_style
from mcsgd.studies.axes import where_text
from mcsgd.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_orders", "plot_orders"]

TICK_WIDTH = 0.55
"""Inches that the label of a tick takes."""
MOST_PANELS = 12
PLACES = 0.62, 0.38
"""Along a piece, from rung to rung, of the labels of fields that may run close to each other."""
EXACT = 0.001
"""Error of an order, below which a legend does not show it."""


def plot_orders(study: Study) -> Figure:
    """Draw the distance to each flow over a study's ladder, on logarithmic axes; of several, one panel each.

    See `draw_orders`; the legends have the orders.

    Raises
    ------
    InputError
        If the study has no ladder, or more than 12.
    MissingExtraError
        If matplotlib is not installed.
    """
    ladders = study.ladders()
    if not 1 <= len(ladders) <= MOST_PANELS:
        text = f"must have 1 to {MOST_PANELS} ladders to draw, got {len(ladders)}"
        raise InputError([("study", f"{text}; mcsgd.plots.draw_orders draws one")])
    columns = {2: 2, 4: 2}.get(len(ladders), min(len(ladders), 3))
    rows = -(-len(ladders) // columns)
    figure = empty_figure(6.4, 5.4) if columns == 1 else empty_figure(4.2 * columns, 4.6 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, ladder in zip(panels, ladders, strict=False):
        draw_orders(axes, ladder)
        axes.grid(alpha=0.25, linewidth=0.5, which="minor")
        if len(ladders) > 1:
            axes.grid(alpha=0.25, linewidth=0.5)
            axes.tick_params(labelsize="small")
            axes.set_title(where_text(ladder.where), fontsize="small")
            axes.legend(frameon=False, fontsize="x-small")
    for axes in figure.axes[len(ladders) :]:
        axes.remove()
    return finish(figure, ncols=2) if len(ladders) == 1 else figure


def draw_orders(axes: Axes, ladder: Ladder, slopes: bool = True) -> Axes:
    """Draw the distance to each flow over a ladder's sizes; labels for a legend have the orders.

    Error bars are two standard errors; hollow marks are rungs that are not in the fit, those below the noise
    with an arrow down.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    ladder : Ladder
        As `Study.ladder` gives it.
    slopes : bool
        Whether every piece is labelled with its local slope.

    Returns
    -------
    matplotlib.axes.Axes
        The same.
    """
    for i, one in enumerate(ladder.fields):
        _draw_ladder(axes, ladder, one)
        if slopes:
            _label_slopes(axes, ladder, one, PLACES[i % len(PLACES)])
    axes.set_xscale("log")
    axes.set_yscale("log")
    most = max(int(axes.bbox.width / axes.figure.dpi / TICK_WIDTH), 2)
    shown = ladder.sizes[:: -(-ladder.sizes.size // most)]
    axes.set_xticks(shown, [f"{size:.3g}" for size in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(ladder.size_name)
    axes.set_ylabel("distance of the mean to the flow")
    return axes


def _draw_ladder(axes: Axes, ladder: Ladder, one: FieldOrder) -> None:
    style = field_style(one.field)
    marks = {"color": style["color"], "marker": style["marker"], "linestyle": "none", "markersize": 5}
    used = np.array(one.used)
    sizes, distance, error = ladder.sizes, one.distance, 2 * one.standard_error
    lower = np.minimum(error, 0.9 * distance)  # a bar cannot reach zero on a logarithmic axis
    label = f"{one.field}: no fit"
    if not one.message:
        known = one.order_text if one.order_error >= EXACT else f"{one.order:.2f}"
        label = f"{one.field}: order {known}"
    axes.plot(sizes[used], distance[used], color=style["color"], linestyle=style["linestyle"], linewidth=1.0)
    bars = np.stack([lower, error])[:, used]
    axes.errorbar(sizes[used], distance[used], bars, capsize=2.5, label=label, **marks)
    below = ~used & np.isfinite(distance)
    limits = (distance + error)[below]
    axes.errorbar(sizes[below], limits, 0.5 * limits, uplims=True, markerfacecolor="none", alpha=0.6, **marks)


def _label_slopes(axes: Axes, ladder: Ladder, one: FieldOrder, place: float) -> None:
    for index in np.flatnonzero(np.isfinite(one.slopes)):
        x, y = (v[index] ** (1 - place) * v[index + 1] ** place for v in (ladder.sizes, one.distance))
        axes.annotate(
            f"{one.slopes[index]:.2f}",
            (x, y),
            horizontalalignment="center",
            verticalalignment="center",
            color=field_style(one.field)["color"],
            fontsize="x-small",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
