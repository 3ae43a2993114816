"""The distance of the mean to the flows on the way, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mcsgd.comparison import Comparison
from mcsgd.epochs import compare_by_epoch
from mcsgd.errors import InputError
from mcsgd.plots.clouds import finished_of, title_of
from mcsgd.plots.files import empty_figure, finish
from mcsgd.plots.styles import field_style
from mcsgd.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["distances_by_epoch", "distances_picture", "draw_distances"]

MOST_EPOCHS = 40
"""That are drawn, evenly spread."""


def distances_picture(run: Run) -> Figure:
    """Draw `draw_distances` as a whole figure.

    Raises
    ------
    InputError, DivergedError
        As `draw_distances`.
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = empty_figure(7.5, 4.6)
    draw_distances(figure.subplots(), run)
    return finish(figure, title_of(run), ncols=5)


def draw_distances(axes: Axes, run: Run, confidence: float = 0.95) -> Axes:
    """Draw the distance of the mean to each flow at the same time, after every epoch that was kept.

    See `mcsgd.compare_by_epoch`. Bars are confidence intervals of the distance; where a flow is compatible
    its mark is hollow, and the bar goes down to zero, below the axis, which is logarithmic.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    run : Run
        With snapshots (`Settings.snapshots`), and the flows to draw. Of more than 40 epochs, 40.
    confidence : float

    Returns
    -------
    matplotlib.axes.Axes
        The same.

    Raises
    ------
    InputError
        If `confidence` is out of range, or there are no snapshots before the last epoch, or no flow that
        reaches one of these epochs.
    DivergedError
        If no trajectory finished.
    """
    found = distances_by_epoch(run, confidence)
    for field, by_epoch in found.items():
        _draw_field(axes, field, by_epoch)
    _explain_hollow(axes, found)
    axes.set_yscale("log", nonpositive="clip")
    shown = [c.distance for by_epoch in found.values() for c in by_epoch.values() if c.distance > 0]
    if shown:
        axes.set_ylim(bottom=0.4 * min(shown))
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("epochs")
    axes.set_ylabel("distance of the mean to the flow")
    return axes


def distances_by_epoch(run: Run, confidence: float = 0.95) -> dict[str, dict[int, Comparison]]:
    """Return what `draw_distances` draws; raises as it does."""
    cloud = finished_of(run)
    epochs = sorted({*(cloud.settings.snapshots if cloud.kept else ()), cloud.settings.epochs})
    if len(epochs) < 2:
        message = "must have snapshots of epochs before the last, as snapshots = [1, 2] keeps them; got none"
        raise InputError([("run", message)])
    rows = np.unique(np.linspace(0, len(epochs) - 1, MOST_EPOCHS).round().astype(int))
    found = compare_by_epoch(cloud, run.flows.values(), confidence, [epochs[row] for row in rows])
    found = {field: by_epoch for field, by_epoch in found.items() if by_epoch}
    if not found:
        raise InputError([("run", "must have a flow that reaches the end of an epoch, got none")])
    return found


def _draw_field(axes: Axes, field: str, by_epoch: Mapping[int, Comparison]) -> None:
    """Draw a line through the distances, with their intervals where there are any."""
    style, epochs = field_style(field), np.array(list(by_epoch))
    distance = np.array([c.distance for c in by_epoch.values()])
    bars = np.abs(np.array([c.distance_interval for c in by_epoch.values()]) - distance[:, None]).T
    hollow = np.array([c.compatible is True for c in by_epoch.values()])
    axes.plot(epochs, distance, linewidth=1.0, label=field, **{**style, "markersize": 5})
    axes.errorbar(epochs, distance, bars, color=style["color"], linestyle="none", capsize=2.5, linewidth=1.0)
    marks = {**style, "linestyle": "none", "markersize": 5, "markerfacecolor": "white"}
    axes.plot(epochs[hollow], distance[hollow], zorder=4, **marks)


def _explain_hollow(axes: Axes, found: Mapping[str, Mapping[int, Comparison]]) -> None:
    """Say in the legend what a hollow mark is, where there is one."""
    if any(c.compatible for by_epoch in found.values() for c in by_epoch.values()):
        axes.plot(
            [], [], "o", color="black", markersize=5, markerfacecolor="white", label="hollow: compatible"
        )
