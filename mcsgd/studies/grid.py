"""The points of a study: an experiment's settings, some of them at every combination of several values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.ensemble import Array
from mcsgd.errors import InputError
from mcsgd.problems.base import Problem
from mcsgd.settings import Settings
from mcsgd.studies.axes import KINDS, START, Axis, where_text
from mcsgd.theory import FIELDS, default_fields
from mcsgd.theory.fields import check_available

__all__ = ["Grid", "Point", "make_grid"]

WHOLE = 1e-9
MOST_POINTS, MOST_NAMED = 10_000, 5
EXACT = ("auto", True, False)
TIMED = ("step_size", "epochs", "batch_size", "sampling")
"""Axes that change the flow time, but at fixed time."""


@dataclass(frozen=True, eq=False)
class Point:
    """One point of a study: its coordinates, and what to run there."""

    at: Mapping[str, Any]
    problem: Problem
    start: Array
    settings: Settings
    fields: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Grid:
    """All points of a study, checked.

    Attributes
    ----------
    axes : tuple of Axis
    points : tuple of Point
        The last axis varies fastest.
    fixed_time : bool
    exact : {"auto", True, False}
    """

    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    fixed_time: bool
    exact: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of any point, least accurate first."""
        return tuple(name for name in FIELDS if any(name in point.fields for point in self.points))

    def as_table(self) -> dict[str, Any]:
        """Return the [study] section, with every value written out."""
        vary = {axis.name: list(axis.values) for axis in self.axes}
        return {"vary": vary, "fixed_time": self.fixed_time, "exact": self.exact}


def make_grid(
    checks: Checks,
    problem: Problem,
    settings: Settings,
    starts: Mapping[Any, Array],
    vary: Any,
    fields: Iterable[str] | None,
    fixed_time: Any = False,
    exact: Any = "auto",
    prefix: str = "",
    place: str = "fields",
) -> Grid | None:
    """Return the points of a study, or None, with issues recorded.

    Parameters
    ----------
    checks : Checks
    problem, settings
        Of all points, but for what varies. Snapshots and paths are not kept.
    starts : dict of (d,)
        By the value of the axis `start_seed` or `start_index`; by None, if there is none.
    vary : dict of list
        The axes, in order: keys of KINDS with two values or more each.
    fields : sequence of str, optional
        Known fields, which every point must have; by default those that theory has for each point.
    fixed_time : bool
        Keep epochs * m * eps as it is in `settings`: by the number of epochs where step sizes vary, else by
        the step size.
    exact : {"auto", True, False}
    prefix, place : str
        Where the user wrote vary and its like, and where fields.
    """
    own = Checks()
    if not (isinstance(exact, str | bool) and exact in EXACT):
        own.fail(f"{prefix}exact", f"must be auto, true or false, got {exact!r}")
    axes = _axes(own, vary, f"{prefix}vary")
    _check_time(own, axes, settings, fixed_time, f"{prefix}fixed_time")
    points: list[Point] = []
    if not own.issues:
        points = _points(own, problem, settings, starts, axes, fixed_time, f"{prefix}vary")
    if not own.issues:
        axes = tuple(Axis(axis.name, tuple(dict.fromkeys(p.at[axis.name] for p in points))) for axis in axes)
        points = _with_fields(own, points, fields, place)
    checks.issues += own.issues
    return None if own.issues else Grid(axes, tuple(points), fixed_time, exact)


def _axes(checks: Checks, vary: Any, argument: str) -> tuple[Axis, ...]:
    """Return the axes, whose values are yet to be checked one by one."""
    if not isinstance(vary, Mapping) or not vary:
        checks.fail(argument, f"must have a list of values for each setting that varies, got {vary!r}")
        return ()
    axes = []
    for name, values in vary.items():
        where = f"{argument}.{name}"
        if name not in KINDS:
            checks.choice(argument, name, [known for known in KINDS if known != "start_index"])
        elif not isinstance(values, Sequence | np.ndarray) or isinstance(values, str) or len(values) < 2:
            checks.fail(where, f"must be a list of two values or more, got {values!r}")
        else:
            axes.append(Axis(name, tuple(values)))
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_POINTS:
        checks.fail(argument, f"must give at most {MOST_POINTS} points, got {count}")
    return tuple(axes)


def _check_time(
    checks: Checks, axes: Sequence[Axis], settings: Settings, fixed_time: Any, argument: str
) -> None:
    names = [axis.name for axis in axes]
    if not isinstance(fixed_time, bool):
        checks.fail(argument, f"must be true or false, got {fixed_time!r}")
    elif fixed_time and names and not set(names) & set(TIMED):
        checks.fail(argument, f"needs one of {', '.join(TIMED)} to vary; got {', '.join(names)}")
    elif fixed_time and {"step_size", "epochs"} <= set(names):
        checks.fail(argument, "leaves only one of step_size and epochs to vary, got both")
    elif fixed_time and settings.schedule != "constant":
        checks.fail(argument, "needs schedule constant")


def _points(
    checks: Checks,
    problem: Problem,
    settings: Settings,
    starts: Mapping[Any, Array],
    axes: tuple[Axis, ...],
    fixed_time: bool,
    argument: str,
) -> list[Point]:
    """Return the points; each issue is recorded once, at the value that it is about."""
    plain, points = replace(settings, snapshots=(), paths=0), []
    issues: dict[tuple[str, str], None] = {}
    for index in itertools.product(*(range(len(axis.values)) for axis in axes)):
        at = {axis.name: axis.values[i] for axis, i in zip(axes, index, strict=True)}
        places = {axis.name: f"{argument}.{axis.name}[{i}]" for axis, i in zip(axes, index, strict=True)}
        try:
            points.append(_point(problem, plain, starts, at, fixed_time))
        except InputError as error:
            for issue in error.issues:
                if issue.argument in places:
                    issues[places[issue.argument], issue.message] = None
                elif len(axes) == 1:
                    issues[places[axes[0].name], f"{issue.argument} {issue.message}"] = None
                else:
                    issues[argument, f"at {where_text(at)}: {issue.argument} {issue.message}"] = None
    for place, message in list(issues)[:MOST_NAMED]:
        checks.fail(place, message)
    if len(issues) > MOST_NAMED:
        checks.fail(argument, f"has {len(issues) - MOST_NAMED} more such points")
    if not checks.issues:
        _check_order(checks, axes, points, argument)
    return points


def _check_order(checks: Checks, axes: Sequence[Axis], points: Sequence[Point], argument: str) -> None:
    """Check that values ascend or descend; those without a size, that they differ."""
    for axis in axes:
        values = [point.at[axis.name] for point in points]
        values = list(dict.fromkeys(values))
        if len(values) < len(axis.values):
            checks.fail(f"{argument}.{axis.name}", f"must hold each value once, got {list(axis.values)}")
        elif axis.kind.size:
            steps = np.diff(values)
            if not ((steps > 0).all() or (steps < 0).all()):
                checks.fail(f"{argument}.{axis.name}", f"must ascend or descend, got {list(axis.values)}")


def _point(
    problem: Problem, settings: Settings, starts: Mapping[Any, Array], at: Mapping[str, Any], fixed_time: bool
) -> Point:
    changed = {name: value for name, value in at.items() if name not in (*START, "batch_size")}
    other = problem.with_batch_size(at["batch_size"]) if "batch_size" in at else problem
    varied = replace(settings, **changed)
    if fixed_time:
        varied = _in_time(varied, other, settings, problem, "step_size" in at)
    varied.check_with(other)
    start = starts[next((at[name] for name in START if name in at), None)]
    checked = {name: getattr(varied, name) for name in changed}
    checked |= {"batch_size": int(other.batch_size)} if "batch_size" in at else {}
    return Point({name: checked.get(name, value) for name, value in at.items()}, other, start, varied, ())


def _in_time(
    varied: Settings, other: Problem, settings: Settings, problem: Problem, by_epochs: bool
) -> Settings:
    """Return settings of the same flow time as others: with other epochs, or with another step size."""
    steps, per_epoch = settings.epochs * settings.partition(problem).batches, varied.partition(other).batches
    if not by_epochs:
        return replace(varied, step_size=settings.step_size * steps / (per_epoch * varied.epochs))
    epochs = settings.step_size * steps / (per_epoch * varied.step_size)
    if round(epochs) < 1 or abs(epochs - round(epochs)) > WHOLE * epochs:
        whole = f"step_size {settings.step_size:g} and epochs {settings.epochs}"
        text = f"must give whole epochs in the time of {whole}; {varied.step_size:g} gives {epochs:g}"
        raise InputError([("step_size", text)])
    return replace(varied, epochs=round(epochs))


def _with_fields(
    checks: Checks, points: Sequence[Point], fields: Iterable[str] | None, place: str
) -> list[Point]:
    """Return the points with their fields: those that are given must have a form at all of them."""
    if fields is None:
        return [replace(point, fields=default_fields(point.problem, point.settings)) for point in points]
    names = tuple(fields)
    for i, name in enumerate(names):
        for point in points:
            own = Checks()
            check_available(own, f"{place}[{i}]", name, point.problem, point.settings)
            if own.issues:
                checks.fail(own.issues[0].argument, f"{own.issues[0].message}, at {where_text(point.at)}")
                break
    return [replace(point, fields=names) for point in points]
