"""Pictures: of a run its cloud, coordinates, covariance and distances on the way; of a study its ladder.

The functions named _picture, and `plot_orders`, make whole figures. The functions named draw_ take a
matplotlib Axes, draw into it and return it, for figures of one's own.
"""

from mcsgd.plots.clouds import cloud_picture, draw_near, draw_whole, save_cloud_picture
from mcsgd.plots.coordinates import coordinates_picture, draw_coordinates
from mcsgd.plots.covariances import covariance_picture, draw_covariance, draw_ellipse
from mcsgd.plots.distances import distances_picture, draw_distances
from mcsgd.plots.files import check_picture, save_picture
from mcsgd.plots.kinds import PICTURES, STUDY_PICTURES
from mcsgd.plots.ladders import draw_orders, plot_orders
from mcsgd.plots.styles import field_style

__all__ = [
    "PICTURES",
    "STUDY_PICTURES",
    "check_picture",
    "cloud_picture",
    "coordinates_picture",
    "covariance_picture",
    "distances_picture",
    "draw_coordinates",
    "draw_covariance",
    "draw_distances",
    "draw_ellipse",
    "draw_near",
    "draw_orders",
    "draw_whole",
    "field_style",
    "plot_orders",
    "save_cloud_picture",
    "save_picture",
]
