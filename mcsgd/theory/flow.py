"""Integration of a modified flow, far more accurately than any Monte Carlo error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import DOP853

from mcsgd.checks import Checks
from mcsgd.flow import Flow
from mcsgd.given import check_given
from mcsgd.kernels.trajectory import LARGEST
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.fields import build_field, check_field, target_of
from mcsgd.theory.first_order import VectorField
from mcsgd.theory.momentum import velocity_shift

__all__ = ["integrate", "solve"]

RTOL = 1e-12
SMALLEST = 1e-150
PATH_POINTS, MOST_PATH_POINTS = 100, 10_000
FIRST_STEPS, STEPS_PER_EPOCH = 1000, 50
"""Of DOP853, at most: a flow that needs more is stiff, far outside the range where it describes SGD."""


def integrate(problem: Problem, start: ArrayLike, settings: Settings, field: str = "sgd") -> Flow:
    """Integrate a modified flow over the whole run by DOP853 (Dormand and Prince, order 8).

    Parameters
    ----------
    problem : Problem
    start : (d,)
    settings : Settings
        Its step size, sampling and epochs fix the field and the time epochs * m * eps.
    field : str
        A key of `mcsgd.theory.FIELDS`.

    Returns
    -------
    Flow
        Relative tolerance 1e-12 at the endpoint; the path between is interpolated, to about 1e-9. A
        flow that grows beyond all bounds (1e60) or becomes too stiff has a message and a NaN
        endpoint: failure is data, as for trajectories.

    Raises
    ------
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> from mcsgd import Settings
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic(hessians=[[[1.0]]], centers=[[0.0]])
    >>> flow = integrate(problem, [1.0], Settings(step_size=0.1), field="gradient")
    >>> bool(abs(flow.endpoint[0] - np.exp(-0.1)) < 1e-13)
    True
    """
    checks = Checks()
    w0 = check_given(checks, problem, start, settings)
    checks.done()
    name = check_field(problem, settings, field)
    with np.errstate(all="ignore"):
        time, path = _follow(problem, w0, settings, name)
    if time[-1] >= settings.flow_time(problem) * (1 - 1e-9):
        return Flow(field, time, path, path[-1], derivatives=problem.derivatives)
    total = settings.flow_time(problem)
    message = f"grew beyond {LARGEST:g} or became too stiff after time {time[-1]:g} of {total:g}"
    return Flow(field, time, path, np.full(w0.size, np.nan), message, problem.derivatives)


def _follow(problem: Problem, w0: Array, settings: Settings, name: str) -> tuple[Array, Array]:
    """Return times (p,) and the flow's path (p, d), as far as it can be followed."""
    stages = _stages(settings)
    most = max(MOST_PATH_POINTS // settings.epochs, 1)
    per_epoch = min(-(-PATH_POINTS // settings.epochs), most)
    times, pieces, before, scale = [np.zeros(1)], [w0[None]], 0.0, 0.0
    for stage, epochs in stages:
        f = build_field(problem, stage, name)
        w = pieces[-1][-1]
        if stage.momentum and name != "gradient":
            change = stage.step_size - before
            w = w + velocity_shift(target_of(problem, stage, name), stage, w, change)
        points = min(epochs * per_epoch, MOST_PATH_POINTS) + 1
        duration = epochs * stage.partition(problem).batches * stage.step_size
        time = np.linspace(0.0, duration, points)
        # Absolute tolerance by where the flow is and how far it goes, so that it may start at the origin.
        scale = np.nanmax([scale, *np.abs(w), *np.abs(duration * f(w)), SMALLEST])
        path = solve(f, w, time, RTOL, scale, epochs)
        times.append(times[-1][-1] + time[1 : len(path)])
        pieces.append(path[1:])
        before = stage.step_size
        if len(path) < points:
            break
    return np.concatenate(times), np.concatenate(pieces)


def _stages(settings: Settings) -> list[tuple[Settings, int]]:
    """Return the settings of each stretch of epochs with one step size, and its number of epochs."""
    if settings.schedule == "constant":
        return [(settings, settings.epochs)]
    return [(replace(settings, step_size=size, schedule="constant"), 1) for size in settings.step_sizes]


def solve(f: VectorField, w0: Array, time: Array, rtol: float, scale: float, epochs: int) -> Array:
    """Return the solution at the given times (p', d), as many of them as can be reached.

    What is smaller than `scale` may be off by `rtol` times that.
    """
    if not np.isfinite(f(w0)).all():  # DOP853 would look for its first step for ever
        return w0[None]
    solver = DOP853(lambda _, w: f(w), 0.0, w0.copy(), time[-1], rtol=rtol, atol=rtol * scale)
    pieces = [w0[None]]
    reached = 1
    for _ in range(FIRST_STEPS + STEPS_PER_EPOCH * epochs):
        if solver.status != "running":
            break
        solver.step()
        if solver.status == "failed" or not np.abs(solver.y).max() <= LARGEST:
            break
        passed = int(np.searchsorted(time, solver.t, side="right"))
        if passed > reached:
            pieces.append(solver.dense_output()(time[reached:passed]).T)
            reached = passed
    return np.concatenate(pieces)
