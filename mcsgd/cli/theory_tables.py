"""What the commands about modified losses print: their minima, and what they consist of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console

from mcsgd.cli.tables import MOST_COORDINATES, say, show
from mcsgd.display import Table, number
from mcsgd.flow import Flow
from mcsgd.problems import Problem
from mcsgd.settings import Settings
from mcsgd.theory import Decomposition, Stationary, stationary_covariance
from mcsgd.theory.units import shuffled_units


def minima_contents(problem: Problem, settings: Settings, found: Sequence[Stationary]) -> dict[str, Any]:
    """Return minima with their losses, the distances between them and their clouds, as plain JSON."""
    whole = shuffled_units(settings.partition(problem), settings.sampling).whole
    points = {minimum.point.tobytes(): minimum.point for minimum in found}  # those of C and C_GD are the same
    clouds = {key: stationary_covariance(problem, settings, point) for key, point in points.items()}
    return {
        "sampling": settings.sampling,
        "step_size": settings.step_size,
        "minima": [
            {
                "field": minimum.field,
                "point": minimum.point.tolist(),
                "loss": whole.loss(minimum.point) if whole.kernels.loss is not None else None,
                "residual": minimum.residual,
                "distances": {other.field: math.dist(minimum.point, other.point) for other in found},
                "standard_deviation": math.sqrt(np.trace(cloud)),
                "standard_deviation_by_coordinate": np.sqrt(cloud.diagonal()).tolist(),
            }
            for minimum in found
            for cloud in [clouds[minimum.point.tobytes()]]
        ],
    }


def show_minima(about: Mapping[str, Any]) -> None:
    """Print what `minima_contents` returns; each coordinate if they are few."""
    console, found = Console(highlight=False), about["minima"]
    fields = [minimum["field"] for minimum in found]
    names = ("loss C", *(f"from {field}" for field in fields), "std. deviation")
    rows = [
        (
            minimum["field"],
            "-" if minimum["loss"] is None else number(minimum["loss"], 8),
            *(number(minimum["distances"][field], 3) for field in fields),
            number(minimum["standard_deviation"], 3),
        )
        for minimum in found
    ]
    caption = f"Minima at step size {about['step_size']:g}, sampling {about['sampling']}"
    show(console, Table(caption, ("field", *names), rows, len(names)))
    if len(found[0]["point"]) <= MOST_COORDINATES:
        points = zip(*(minimum["point"] for minimum in found), strict=True)
        widths = found[-1]["standard_deviation_by_coordinate"]
        rows = [
            (str(index), *(f"{value:.10g}" for value in values), number(width, 3))
            for index, (values, width) in enumerate(zip(points, widths, strict=True))
        ]
        caption = "Where they are, and the cloud's width around the last"
        show(console, Table(caption, ("coordinate", *fields, "std. deviation"), rows, len(fields) + 1))


def thinned(flow: Flow, points: int) -> Flow:
    """Return a flow at so many of its times, evenly spread from the first to the last."""
    rows = np.unique(np.linspace(0, len(flow.time) - 1, points).round().astype(int))
    return replace(flow, time=flow.time[rows], path=flow.path[rows])


def decomposition_contents(parts: Decomposition, flow: Flow) -> dict[str, Any]:
    """Return the terms of a modified loss, as plain JSON."""
    return {
        "field": parts.field,
        "time": parts.time.tolist(),
        "loss": parts.loss.tolist(),
        "gradient_term": parts.gradient_term.tolist(),
        "variance_term": parts.variance_term.tolist(),
        "total": parts.total.tolist(),
        "message": flow.message,
    }


def show_decomposition(parts: Decomposition, flow: Flow) -> None:
    """Print the terms of a modified loss, a line for each time."""
    console = Console(highlight=False)
    show(console, parts.terms_table(len(parts.time)))
    say(console, *([f"The flow {flow.field} has no endpoint: it {flow.message}."] if flow.message else []))
