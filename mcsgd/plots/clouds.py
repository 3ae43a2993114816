"""The picture of a run: the whole way, and the cloud of endpoints enlarged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.ensemble import Array, Ensemble
from mcsgd.errors import DivergedError, InputError
from mcsgd.plots.files import empty_figure, save_picture
from mcsgd.plots.styles import CLOUD, MEAN, PATHS, field_style
from mcsgd.projection import Plane, picture_plane
from mcsgd.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["cloud_picture", "draw_ellipse", "draw_near", "draw_whole", "save_cloud_picture"]

MOST_DOTS, ELLIPSE_POINTS = 4000, 181


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
    cloud = _cloud_of(run)
    figure = empty_figure(10, 4.6)
    whole, near = figure.subplots(1, 2)
    draw_whole(whole, run).set_title("whole way", fontsize="small")
    draw_near(near, run).set_title("endpoints, enlarged", fontsize="small")
    for axes in (whole, near):
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.tick_params(labelsize="small")
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=7, frameon=False, fontsize="small")
    figure.suptitle(_title(cloud), fontsize="medium")
    return figure


def draw_whole(axes: Axes, run: Run) -> Axes:
    """Draw paths, flows, endpoints and their mean from the start on, labelled for a legend.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    run : Run
        Of a kept cloud, and the flows to draw: ``mcsgd.Run(cloud, {"sgd": flow})`` will do.

    Returns
    -------
    matplotlib.axes.Axes
        The same.

    Raises
    ------
    DivergedError, InputError
        As `cloud_picture`.
    """
    cloud = _cloud_of(run)
    plane = picture_plane(cloud, list(run.flows.values()))
    times = np.linspace(0.0, cloud.flow_time, cloud.paths.shape[1])
    finished = [path for path in cloud.paths if np.isfinite(path[-1]).all()]  # others would set the scale
    for i, path in enumerate(finished):
        x, y = plane.project(path, times)
        label = "SGD paths" if i == 0 else None
        axes.plot(x, y, color=PATHS, linewidth=0.6, alpha=0.8, marker=".", markersize=2, label=label)
    _draw_dots(axes, cloud, plane, size=2)
    for name, flow in run.flows.items():
        x, y = plane.project(flow.path, flow.time)
        style = field_style(name)
        axes.plot(x, y, linewidth=1.4, label=f"{name} flow", markevery=[-1], markersize=4, **style)
    x, y = plane.project(cloud.start[None], np.zeros(1))
    axes.plot(x, y, color="black", marker="x", linestyle="none", markersize=7, label="start")
    _draw_mean(axes, cloud, plane, size=9)
    return _label_axes(axes, plane)


def draw_near(axes: Axes, run: Run) -> Axes:
    """Draw the endpoints of trajectories and flows, and the mean, as `draw_whole` but enlarged."""
    cloud = _cloud_of(run)
    plane = picture_plane(cloud, list(run.flows.values()))
    x, y = _draw_dots(axes, cloud, plane, size=5)
    points = [np.stack([_middle(x), _middle(y)], axis=1), _at_end(plane, cloud, cloud.mean)]
    for name, flow in run.flows.items():
        style = field_style(name)
        axes.plot(*plane.project(flow.path, flow.time), linewidth=1.4, markevery=[0], **style)
        if not flow.message:
            end = _at_end(plane, cloud, flow.endpoint)
            points.append(end)
            axes.plot(*end.T, markersize=9, markerfacecolor="none", markeredgewidth=1.8, **style)
    _draw_mean(axes, cloud, plane, size=13)
    low, high = np.concatenate(points).min(axis=0), np.concatenate(points).max(axis=0)
    margin = 0.12 * np.maximum(high - low, 1e-12 * np.maximum(np.abs(low), np.abs(high)) + 1e-300)
    if not plane.axes.size:  # one parameter: the last hundredth of the time
        margin[0] = 0.01 * cloud.flow_time
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    return _label_axes(axes, plane)


def draw_ellipse(axes: Axes, mean: Array, covariance: Array, probability: float = 0.95, **style: Any) -> Axes:
    """Draw the ellipse that holds a share of a normal cloud of two parameters.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    mean : (2,)
    covariance : (2, 2)
        Of any rank: that of rank 1 gives a line.
    probability : float
        0 < probability < 1.
    **style
        Of matplotlib's `plot`.

    Returns
    -------
    matplotlib.axes.Axes
        The same.
    """
    checks = Checks()
    centre = checks.array("mean", mean, (2,), "two parameters")
    matrix = checks.array("covariance", covariance, (2, 2), "a covariance of two parameters")
    share = checks.number("probability", probability, above=0, below=1)
    checks.done()
    values, vectors = np.linalg.eigh(matrix)
    # A normal cloud of two dimensions is within r standard deviations with probability 1 - exp(-r^2 / 2).
    radii = np.sqrt(-2 * np.log1p(-share) * np.maximum(values, 0))
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_POINTS)
    points = centre[:, None] + (vectors * radii) @ np.stack([np.cos(angle), np.sin(angle)])
    axes.plot(*points, **style)
    return axes


def _cloud_of(run: Run) -> Ensemble:
    """Return those trajectories that finished, if they can be drawn."""
    cloud = run.cloud.finished() if run.cloud.diverged else run.cloud
    if not cloud.kept:
        raise InputError([("run", "must have a cloud to draw, got one that kept moments only")])
    if not cloud.count:
        raise DivergedError("none of the trajectories finished: there is no cloud to draw")
    return cloud


def _label_axes(axes: Axes, plane: Plane) -> Axes:
    axes.set_xlabel(plane.labels[0])
    axes.set_ylabel(plane.labels[1])
    axes.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    return axes


def _draw_dots(axes: Axes, cloud: Ensemble, plane: Plane, size: float) -> tuple[Array, Array]:
    """Draw so many of the first endpoints as an eye can take in."""
    shown = cloud.endpoints[:MOST_DOTS]
    x, y = plane.project(shown, np.full(len(shown), cloud.flow_time))
    axes.scatter(x, y, s=size, color=CLOUD, alpha=0.35, linewidths=0, rasterized=True)
    axes.plot([], [], color=CLOUD, marker="o", linestyle="none", markersize=4, label="endpoints")
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


def _title(cloud: Ensemble) -> str:
    settings = cloud.settings
    count = cloud.count
    text = f"{count:,} {'trajectory' if count == 1 else 'trajectories'}, {settings.sampling}"
    text += f", step size {settings.step_size:g}, {settings.epochs} epoch{'s' * (settings.epochs > 1)}"
    if cloud.left_out:
        others = "" if cloud.unit_name == "trajectory" else f" or others of their {cloud.unit_name} did"
        text += f" ({cloud.left_out} diverged{others}: left out)"
    return text
