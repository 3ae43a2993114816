"""Pictures: of a run its paths, cloud of endpoints, mean and flows; of a study its ladder.

`cloud_picture` and `plot_orders` make whole figures. The functions named draw_ take a matplotlib Axes, draw
into it and return it, for figures of one's own.
"""

from mcsgd.plots.clouds import cloud_picture, draw_ellipse, draw_near, draw_whole, save_cloud_picture
from mcsgd.plots.files import check_picture, save_picture
from mcsgd.plots.ladders import draw_orders, plot_orders
from mcsgd.plots.styles import field_style

__all__ = [
    "check_picture",
    "cloud_picture",
    "draw_ellipse",
    "draw_near",
    "draw_orders",
    "draw_whole",
    "field_style",
    "plot_orders",
    "save_cloud_picture",
    "save_picture",
]
