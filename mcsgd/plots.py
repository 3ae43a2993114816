"""Pictures: of a run its paths, cloud of endpoints, mean and flows; of a study its ladder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsgd.ensemble import Array, Ensemble
from mcsgd.errors import DivergedError, InputError, MissingExtraError
from mcsgd.ladders.result import FieldOrder, Study
from mcsgd.projection import Plane, picture_plane
from mcsgd.run import Run
from mcsgd.storage.output import check_output, new_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_picture", "cloud_picture", "plot_orders", "save_cloud_picture", "save_picture"]

SUFFIXES = (".png", ".pdf", ".svg")
MOST_DOTS = 4000
MOST_TICKS = 8
CLOUD, PATHS = "#56B4E9", "#8C8C8C"
STYLES: dict[str, dict[str, Any]] = {
    "gradient": {"color": "#000000", "linestyle": "--", "marker": "s"},
    "gd": {"color": "#009E73", "linestyle": "-.", "marker": "D"},
    "sgd": {"color": "#D55E00", "linestyle": "-", "marker": "o"},
}
OTHER_STYLE: dict[str, Any] = {"color": "#CC79A7", "linestyle": ":", "marker": "^"}
"""Okabe and Ito's colours, told apart by the colour-blind; line styles and markers for grey print."""


def check_picture(path: str | os.PathLike[str], replace: bool = False) -> Path:
    """Say, before anything is drawn, whether a picture can be made at `path`.

    Raises
    ------
    InputError
        If the ending is not .png, .pdf or .svg, or nothing can be written there.
    OutputExistsError
        If something is there, unless `replace` is set.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError([("output", f"must end in {', '.join(SUFFIXES)}, got {path}")])
    return check_output(path, "output", replace)


def save_cloud_picture(run: Run, path: Path) -> None:
    """Draw `cloud_picture` to a file, in place of one that is there."""
    save_picture(cloud_picture(run), path)


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure to a file, in place of one that is there."""
    with new_file(path, replace=True) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=200)


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
    cloud = run.cloud.finished() if run.cloud.diverged else run.cloud
    if not cloud.kept:
        raise InputError([("run", "must have a cloud to draw, got one that kept moments only")])
    if not cloud.count:
        raise DivergedError("none of the trajectories finished: there is no cloud to draw")
    plane = picture_plane(cloud, list(run.flows.values()))
    figure = _figure(10, 4.6)
    whole, near = figure.subplots(1, 2)
    _draw_whole(whole, run, cloud, plane)
    _draw_near(near, run, cloud, plane)
    for axes in (whole, near):
        axes.set_xlabel(plane.labels[0])
        axes.set_ylabel(plane.labels[1])
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.tick_params(labelsize="small")
        axes.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=7, frameon=False, fontsize="small")
    figure.suptitle(_title(cloud), fontsize="medium")
    return figure


def _figure(width: float, height: float) -> Figure:
    """Return an empty figure."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'mcsgd[plot]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def _draw_whole(axes: Axes, run: Run, cloud: Ensemble, plane: Plane) -> None:
    """Draw paths and flows from the start on."""
    times = np.linspace(0.0, cloud.flow_time, cloud.paths.shape[1])
    finished = [path for path in cloud.paths if np.isfinite(path[-1]).all()]  # others would set the scale
    for i, path in enumerate(finished):
        x, y = plane.project(path, times)
        label = "SGD paths" if i == 0 else None
        axes.plot(x, y, color=PATHS, linewidth=0.6, alpha=0.8, marker=".", markersize=2, label=label)
    _draw_dots(axes, cloud, plane, size=2)
    for name, flow in run.flows.items():
        x, y = plane.project(flow.path, flow.time)
        style = STYLES.get(name, OTHER_STYLE)
        axes.plot(x, y, linewidth=1.4, label=f"{name} flow", markevery=[-1], markersize=4, **style)
    x, y = plane.project(cloud.start[None], np.zeros(1))
    axes.plot(x, y, color="black", marker="x", linestyle="none", markersize=7, label="start")
    _draw_mean(axes, cloud, plane, size=9)
    axes.set_title("whole way", fontsize="small")


def _draw_near(axes: Axes, run: Run, cloud: Ensemble, plane: Plane) -> None:
    """Draw the endpoints of trajectories and flows."""
    x, y = _draw_dots(axes, cloud, plane, size=5)
    points = [np.stack([_middle(x), _middle(y)], axis=1), _at_end(plane, cloud, cloud.mean)]
    for name, flow in run.flows.items():
        style = STYLES.get(name, OTHER_STYLE)
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
    axes.set_title("endpoints, enlarged", fontsize="small")


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
        color="#F0E442",
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


def plot_orders(study: Study) -> Figure:
    """Draw the distance to each flow over a ladder's sizes, on logarithmic axes.

    Error bars are two standard errors; hollow marks are rungs that are not in the fit, those below the noise
    with an arrow down; every piece is labelled with its local slope, and the legend has the orders.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = _figure(6.4, 5.4)
    axes = figure.subplots()
    for one in study.fields:
        _draw_ladder(axes, study, one)
    axes.set_xscale("log")
    axes.set_yscale("log")
    shown = study.sizes[:: -(-study.sizes.size // MOST_TICKS)]
    axes.set_xticks(shown, [f"{size:.4g}" for size in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(study.size_name)
    axes.set_ylabel("distance of the mean endpoint to the flow")
    axes.grid(alpha=0.25, linewidth=0.5, which="both")
    axes.tick_params(labelsize="small")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def _draw_ladder(axes: Axes, study: Study, one: FieldOrder) -> None:
    style = STYLES.get(one.field, OTHER_STYLE)
    marks = {"color": style["color"], "marker": style["marker"], "linestyle": "none", "markersize": 5}
    used = np.array(one.used)
    sizes, distance, error = study.sizes, one.distance, 2 * one.standard_error
    lower = np.minimum(error, 0.9 * distance)  # a bar cannot reach zero on a logarithmic axis
    label = f"{one.field}: no fit"
    if not one.message:
        label = f"{one.field}: order {one.order_text}"
    axes.plot(sizes[used], distance[used], color=style["color"], linestyle=style["linestyle"], linewidth=1.0)
    bars = np.stack([lower, error])[:, used]
    axes.errorbar(sizes[used], distance[used], bars, capsize=2.5, label=label, **marks)
    below = ~used & np.isfinite(distance)
    limits = (distance + error)[below]
    axes.errorbar(sizes[below], limits, 0.5 * limits, uplims=True, markerfacecolor="none", alpha=0.6, **marks)
    for index in np.flatnonzero(np.isfinite(one.slopes)):
        pair = slice(index, index + 2)
        x, y = np.sqrt(np.prod(sizes[pair])), np.sqrt(np.prod(distance[pair]))
        axes.annotate(
            f"{one.slopes[index]:.2f}",
            (x, y),
            horizontalalignment="center",
            verticalalignment="center",
            color=style["color"],
            fontsize="x-small",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
