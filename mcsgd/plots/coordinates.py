"""The mean endpoint against the flows, coordinate by coordinate, in standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mcsgd.comparison import Comparison, compare
from mcsgd.display import counted
from mcsgd.errors import InputError
from mcsgd.plots.clouds import finished_of, title_of
from mcsgd.plots.files import empty_figure, finish
from mcsgd.plots.styles import CHANCE, field_style
from mcsgd.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["coordinates_picture", "draw_coordinates", "z_scores"]

MOST_MARKS = 500
"""Drawn as lines; more are an image, so that a picture stays small."""
FEW = 40
"""Coordinates, of which the flows' marks stand side by side."""


def coordinates_picture(run: Run) -> Figure:
    """Draw `draw_coordinates` as a whole figure.

    Raises
    ------
    InputError, DivergedError
        As `draw_coordinates`.
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = empty_figure(7.5, 4.6)
    draw_coordinates(figure.subplots(), run)
    return finish(figure, title_of(run), ncols=5)


def draw_coordinates(axes: Axes, run: Run, confidence: float = 0.95) -> Axes:
    """Draw how many standard errors each coordinate of the mean endpoint is from each flow's endpoint.

    The band is what chance explains: if the mean is on a flow, all of that flow's marks are within it with a
    probability of `confidence`, however many coordinates there are (`Comparison.largest_by_chance`). Beyond
    the band the scale is logarithmic where marks are far beyond it.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    run : Run
        With the flows to draw; a cloud is not needed.
    confidence : float

    Returns
    -------
    matplotlib.axes.Axes
        The same.

    Raises
    ------
    InputError
        If `confidence` is out of range, or there are no scores: no flow that has an endpoint, or no standard
        error because there is one independent unit or nothing is random.
    DivergedError
        If no trajectory finished.
    """
    found = z_scores(run, confidence)
    d, chance = found[0].difference.size, found[0].largest_by_chance
    index, width = np.arange(d), 0.7 / len(found) if d <= FEW else 0.0
    label = f"{100 * confidence:g}% by chance: all {counted(d, 'coordinate')} of a flow"
    axes.axhspan(-chance, chance, color=CHANCE, linewidth=0, label=label, zorder=0)
    axes.axhline(0, color="black", linewidth=0.6, zorder=1)
    for i, c in enumerate(found):
        place = index + width * (i - (len(found) - 1) / 2)
        style = {**field_style(c.field), "linestyle": "none", "markersize": 4 if d <= FEW else 2.5}
        axes.plot(place, c.z_scores, label=c.field, rasterized=d * len(found) > MOST_MARKS, **style)
    largest = max(float(np.abs(c.z_scores).max()) for c in found)
    if largest > 10 * chance:
        axes.set_yscale("symlog", linthresh=chance, linscale=0.7)
        _set_ticks(axes, chance, largest)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("index of the parameter")
    axes.set_ylabel("(mean − flow) / standard error")
    return axes


def _set_ticks(axes: Axes, chance: float, largest: float) -> None:
    """Put ticks at zero and at powers of ten beyond the band, within the limits as they are."""
    low, high = axes.get_ylim()
    powers = 10.0 ** np.arange(np.ceil(np.log10(chance)), np.ceil(np.log10(largest)) + 1)
    axes.set_yticks([tick for tick in (*-powers[::-1], 0, *powers) if low <= tick <= high])
    axes.set_yticks([], minor=True)


def z_scores(run: Run, confidence: float = 0.95) -> list[Comparison]:
    """Return the comparisons of a run that have z-scores, not none of them; raises as `draw_coordinates`."""
    cloud = finished_of(run)
    if cloud.deterministic:
        message = "must have a mean with a standard error, got trajectories that are all the same"
        raise InputError([("run", message)])
    if cloud.unit_count < 2:
        message = f"must have a mean with a standard error, got one independent {cloud.unit_name}"
        raise InputError([("run", message)])
    found = [compare(cloud, flow, confidence) for flow in run.flows.values() if not flow.message]
    if not found:
        raise InputError([("run", "must have a flow with an endpoint, got none")])
    return found
