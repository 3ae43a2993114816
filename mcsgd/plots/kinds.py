"""The kinds of pictures of a run, by name: what `mcsgd plot --kind` can draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcsgd.plots.clouds import cloud_picture
from mcsgd.plots.coordinates import coordinates_picture
from mcsgd.plots.covariances import covariance_picture
from mcsgd.plots.distances import distances_picture
from mcsgd.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PICTURES"]

PICTURES: dict[str, Callable[[Run], Figure]] = {
    "cloud": cloud_picture,
    "coordinates": coordinates_picture,
    "covariance": covariance_picture,
    "path": distances_picture,
}
"""A new kind is one more line here."""
