"""The picture of a run: the whole way, and the cloud of endpoints enlarged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcsgd.ensemble import Array, Ensemble
from mcsgd.errors import DivergedError, InputError
from mcsgd.plots.files import empty_figure, finish, save_picture
from mcsgd.plots.styles import CLOUD, MEAN, PATHS, field_style
from mcsgd.projection import Plane, picture_plane
from mcsgd.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "cloud_picture",
    "draw_dots",
    "draw_near",
    "draw_whole",
    "finished_of",
    "plane_of",
    "save_cloud_picture",
    "title_of",
]

FEW_DOTS, MOST_DOTS = 100, 4000
"""Endpoints that are drawn large, and as many as an eye can take in. More points of paths are drawn as an
image, so that a picture stays small."""


def save_cloud_picture(run: Run, path: Path) -> None:
    """Draw `cloud_picture` to a file, in place of one that is there."""
    save_picture(cloud_picture(run), path)


def cloud_picture(run: Run) -> Figure:
    """Draw a run: the whole way on the left, the cloud of endpoints enlarged on the right.

    Two parameters are the axes themselves; one is drawn against flow time; more are projected on the
    plane of the cloud's first principal direction and the displacement between the endpoints of the
    first and the last flow.

    Raises
    ------
    DivergedError
        If no trajectory finished.
    InputError
        If the run kept no cloud.
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = empty_figure(10, 4.6)
    whole, near = figure.subplots(1, 2)
    plane = plane_of(run)
    draw_whole(whole, run, plane).set_title("whole way", fontsize="small")
    draw_near(near, run, plane).set_title("endpoints, enlarged", fontsize="small")
    return finish(figure, title_of(run), ncols=4)


def plane_of(run: Run) -> Plane:
    """Return the plane that a run is drawn in; raises as `cloud_picture`."""
    return picture_plane(_cloud_of(run), list(run.flows.values()))


def draw_whole(axes: Axes, run: Run, plane: Plane | None = None) -> Axes:
    """Draw paths, flows, endpoints and their mean from the start on, labelled for a legend.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    run : Run
        Of a kept cloud, and the flows to draw: ``mcsgd.Run(cloud, {"sgd": flow})`` will do.
    plane : Plane, optional
        That of `plane_of(run)` by default.

    Returns
    -------
    matplotlib.axes.Axes
        The same.

    Raises
    ------
    DivergedError, InputError
        As `cloud_picture`.
    """
    cloud, plane = _cloud_of(run), plane or plane_of(run)
    times = np.linspace(0.0, cloud.flow_time, cloud.paths.shape[1])
    finished = cloud.finished_paths  # others would set the scale
    for i, path in enumerate(finished):
        x, y = plane.project(path, times)
        label = "SGD paths" if i == 0 else None
        (line,) = axes.plot(x, y, color=PATHS, linewidth=0.6, alpha=0.8, markersize=2, label=label)
        many = len(finished) * x.size > MOST_DOTS
        line.set(marker="" if many else ".", rasterized=many)
    _draw_endpoints(axes, cloud, plane, size=2)
    for name, flow in run.flows.items():
        x, y = plane.project(flow.path, flow.time)
        style = field_style(name)
        axes.plot(x, y, linewidth=1.4, label=f"{name} flow", markevery=[-1], markersize=4, **style)
    x, y = plane.project(cloud.start[None], np.zeros(1))
    axes.plot(x, y, color="black", marker="x", linestyle="none", markersize=7, label="start")
    _draw_mean(axes, cloud, plane, size=9)
    return _label_axes(axes, plane)


def draw_near(axes: Axes, run: Run, plane: Plane | None = None) -> Axes:
    """Draw the endpoints of trajectories and flows, and the mean, as `draw_whole` but enlarged."""
    cloud, plane = _cloud_of(run), plane or plane_of(run)
    x, y = _draw_endpoints(axes, cloud, plane, size=5 if cloud.count > FEW_DOTS else 20)
    points = [np.stack([_middle(x), _middle(y)], axis=1), _at_end(plane, cloud, cloud.mean)]
    for name, flow in run.flows.items():
        style = field_style(name)
        axes.plot(*plane.project(flow.path, flow.time), linewidth=1.4, markevery=[0], **style)
        if not flow.message:
            end = _at_end(plane, cloud, flow.endpoint)
            points.append(end)
            style |= {"markerfacecolor": "none", "markeredgewidth": 1.8}
            axes.plot(*end.T, markersize=9, label=f"{name} flow", **style)
    _draw_mean(axes, cloud, plane, size=13)
    low, high = np.concatenate(points).min(axis=0), np.concatenate(points).max(axis=0)
    margin = 0.12 * np.maximum(high - low, 1e-12 * np.maximum(np.abs(low), np.abs(high)) + 1e-300)
    if not plane.axes.size:  # one parameter: the last hundredth of the time
        margin[0] = 0.01 * cloud.flow_time
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    return _label_axes(axes, plane)


def finished_of(run: Run) -> Ensemble:
    """Return those trajectories of a run that finished.

    Raises
    ------
    DivergedError
        If there are none.
    """
    cloud = run.cloud.finished() if run.cloud.diverged else run.cloud
    if not cloud.count:
        raise DivergedError("none of the trajectories finished: there is nothing to draw")
    return cloud


def _cloud_of(run: Run) -> Ensemble:
    """Return the same, if they were kept."""
    cloud = finished_of(run)
    if not cloud.kept:
        raise InputError([("run", "must have a cloud to draw, got one that kept moments only")])
    return cloud


def _label_axes(axes: Axes, plane: Plane) -> Axes:
    axes.set_xlabel(plane.labels[0])
    axes.set_ylabel(plane.labels[1])
    axes.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    return axes


def draw_dots(axes: Axes, x: Array, y: Array, size: float) -> None:
    """Draw endpoints, as an image in a picture of lines; labelled for a legend."""
    axes.scatter(x, y, s=size, color=CLOUD, alpha=0.35, linewidths=0, rasterized=True)
    axes.plot([], [], color=CLOUD, marker="o", linestyle="none", markersize=4, label="endpoints")


def _draw_endpoints(axes: Axes, cloud: Ensemble, plane: Plane, size: float) -> tuple[Array, Array]:
    """Draw so many of the first endpoints as an eye can take in, and return where."""
    shown = cloud.first_endpoints(MOST_DOTS)
    x, y = plane.project(shown, np.full(len(shown), cloud.flow_time))
    draw_dots(axes, x, y, size)
    return x, y


def _draw_mean(axes: Axes, cloud: Ensemble, plane: Plane, size: float) -> None:
    axes.plot(
        *_at_end(plane, cloud, cloud.mean).T,
        color=MEAN,
        marker="*",
        markersize=size,
        markeredgecolor="black",
        markeredgewidth=0.8,
        linestyle="none",
        zorder=5,
        label="mean endpoint",
    )


def _at_end(plane: Plane, cloud: Ensemble, w: Array) -> Array:
    """Return the point (1, 2) of parameters at the end of the run."""
    return np.stack(plane.project(w[None], np.full(1, cloud.flow_time)), axis=1)


def _middle(values: Array) -> Array:
    """Return the range without the outermost hundredth on each side."""
    return np.quantile(values, [0.01, 0.99])


def title_of(run: Run) -> str:
    """Return a line on what trajectories of a run are drawn; raises as `finished_of`."""
    cloud = finished_of(run)
    settings, count = cloud.settings, cloud.count
    text = f"{count:,} {'trajectory' if count == 1 else 'trajectories'}, {settings.sampling}"
    text += f", step size {settings.step_size:g}, {settings.epochs} epoch{'s' * (settings.epochs > 1)}"
    if cloud.left_out:
        others = "" if cloud.unit_name == "trajectory" else f" or others of their {cloud.unit_name} did"
        text += f" ({cloud.left_out} diverged{others}: left out)"
    return text
