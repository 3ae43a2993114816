"""The kinds of pictures by name: what `mcsgd plot --kind` can draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcsgd.plots.clouds import cloud_picture
from mcsgd.plots.coordinates import coordinates_picture
from mcsgd.plots.covariances import covariance_picture
from mcsgd.plots.distances import distances_picture
from mcsgd.plots.ladders import plot_orders
from mcsgd.run import Run
from mcsgd.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PICTURES", "STUDY_PICTURES"]

PICTURES: dict[str, Callable[[Run], Figure]] = {
    "cloud": cloud_picture,
    "coordinates": coordinates_picture,
    "covariance": covariance_picture,
    "path": distances_picture,
}
"""Of a run, the first by default. A new kind is one more line here."""

STUDY_PICTURES: dict[str, Callable[[Study], Figure]] = {"order": plot_orders}
"""Of a study."""
