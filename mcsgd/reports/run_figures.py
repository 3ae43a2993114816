"""The figures of a run's page, as far as there is something to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from mcsgd.display import counted
from mcsgd.errors import DivergedError, InputError
from mcsgd.flow import PATH_ACCURACY
from mcsgd.plots.clouds import MOST_DOTS, draw_near, draw_whole, finished_of, plane_of
from mcsgd.plots.coordinates import draw_coordinates, z_scores
from mcsgd.plots.covariances import draw_covariance
from mcsgd.plots.distances import draw_distances
from mcsgd.reports.blocks import Figure, Figures, Text
from mcsgd.reports.figures import draw_figure
from mcsgd.run import Run

__all__ = ["figures_of"]


class Picture(NamedTuple):
    """A figure to draw."""

    title: str
    caption: str
    draw: Callable[[Any], Any]


def figures_of(run: Run, confidence: float) -> tuple[Any, ...]:
    """Return the figures, and what is not drawn and why."""
    figures: list[Figure] = []
    notes: list[Text] = []
    for name, make in MAKERS.items():
        try:
            for picture in make(run, confidence):
                key = f"figure-{len(figures)}"
                figures.append(draw_figure(picture.title, picture.caption, picture.draw, key))
        except InputError as error:
            why = "; ".join(f"the {issue.argument} {issue.message}" for issue in error.issues)
            notes.append(Text(f"{name} not drawn: {why}."))
        except DivergedError:
            return (Text("Nothing is drawn: no trajectory finished."),)
    return (*([Figures(tuple(figures))] if figures else []), *notes)


def _cloud(run: Run, confidence: float) -> Iterator[Picture]:
    plane, cloud = plane_of(run), finished_of(run)
    caption = "The flows, from the start to the end, and the endpoints"
    if cloud.settings.paths:
        caption += f"; of the first {counted(cloud.settings.paths, 'trajectory')}, every step"
    yield Picture("The whole way", f"{caption}.", partial(draw_whole, run=run, plane=plane))
    shown = counted(min(cloud.count, MOST_DOTS), "trajectory")
    caption = f"Where {shown} and the flows end, and the mean of all endpoints."
    yield Picture("Endpoints, enlarged", caption, partial(draw_near, run=run, plane=plane))


def _coordinates(run: Run, confidence: float) -> Iterator[Picture]:
    found = z_scores(run, confidence)
    largest = ", ".join(f"{c.field} {np.abs(c.z_scores).max():.3g}" for c in found)
    d, chance = found[0].difference.size, found[0].largest_by_chance
    caption = (
        f"If the mean is on a flow, all its {d} scores are within ±{chance:.3g}, the grey band, with a "
        f"probability of at least {100 * confidence:g}%. Largest: {largest}. Marks beyond it are coordinates "
        "in which a flow is off, also where its distance is compatible: wide coordinates count most in that."
    )
    draw = partial(draw_coordinates, run=run, confidence=confidence)
    yield Picture("Coordinates, in standard errors", caption, draw)


def _covariance(run: Run, confidence: float) -> Iterator[Picture]:
    caption = (
        "Ellipses that hold 95% of a normal cloud with the covariance of the endpoints, and with that which "
        "theory predicts to leading order in the step size; from the mean, in the two directions in which "
        "the cloud is widest."
    )
    yield Picture("Width of the cloud", caption, partial(draw_covariance, run=run))


def _distances(run: Run, confidence: float) -> Iterator[Picture]:
    if run.cloud.settings.epochs == 1:
        return
    caption = (
        f"From the mean to the flow after as many epochs, with {100 * confidence:g}% intervals; hollow where "
        "the flow is compatible. Before the last epoch the flow is interpolated between the steps of its "
        f"integrator, to a relative error of {PATH_ACCURACY:g}."
    )
    yield Picture("Distance by epoch", caption, partial(draw_distances, run=run, confidence=confidence))


MAKERS: dict[str, Callable[[Run, float], Iterator[Picture]]] = {
    "Cloud": _cloud,
    "Coordinates": _coordinates,
    "Covariance": _covariance,
    "Distance by epoch": _distances,
}
