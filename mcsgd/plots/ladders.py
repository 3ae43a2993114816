"""The picture of a study: distances over a ladder of sizes, with their slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mcsgd.ladders.result import FieldOrder, Study
from mcsgd.plots.files import empty_figure, finish
from mcsgd.plots.styles import field_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_orders", "plot_orders"]

TICK_WIDTH = 0.55
"""Inches that the label of a tick takes."""
EXACT = 0.001
"""Error of an order, below which a legend does not show it."""


def plot_orders(study: Study) -> Figure:
    """Draw the distance to each flow over a ladder's sizes, on logarithmic axes.

    See `draw_orders`; the legend has the orders.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = empty_figure(6.4, 5.4)
    axes = draw_orders(figure.subplots(), study)
    axes.grid(alpha=0.25, linewidth=0.5, which="minor")
    return finish(figure, ncols=2)


def draw_orders(axes: Axes, study: Study, slopes: bool = True) -> Axes:
    """Draw the distance to each flow over a ladder's sizes; labels for a legend have the orders.

    Error bars are two standard errors; hollow marks are rungs that are not in the fit, those below the noise
    with an arrow down.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    study : Study
    slopes : bool
        Whether every piece is labelled with its local slope.

    Returns
    -------
    matplotlib.axes.Axes
        The same.
    """
    for one in study.fields:
        _draw_ladder(axes, study, one)
        if slopes:
            _label_slopes(axes, study, one)
    axes.set_xscale("log")
    axes.set_yscale("log")
    most = max(int(axes.bbox.width / axes.figure.dpi / TICK_WIDTH), 2)
    shown = study.sizes[:: -(-study.sizes.size // most)]
    axes.set_xticks(shown, [f"{size:.3g}" for size in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(study.size_name)
    axes.set_ylabel("distance of the mean to the flow")
    return axes


def _draw_ladder(axes: Axes, study: Study, one: FieldOrder) -> None:
    style = field_style(one.field)
    marks = {"color": style["color"], "marker": style["marker"], "linestyle": "none", "markersize": 5}
    used = np.array(one.used)
    sizes, distance, error = study.sizes, one.distance, 2 * one.standard_error
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


def _label_slopes(axes: Axes, study: Study, one: FieldOrder) -> None:
    for index in np.flatnonzero(np.isfinite(one.slopes)):
        pair = slice(index, index + 2)
        x, y = np.sqrt(np.prod(study.sizes[pair])), np.sqrt(np.prod(one.distance[pair]))
        axes.annotate(
            f"{one.slopes[index]:.2f}",
            (x, y),
            horizontalalignment="center",
            verticalalignment="center",
            color=field_style(one.field)["color"],
            fontsize="x-small",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
