"""A study: what was measured at every point of a grid of settings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsgd.checks import Checks
from mcsgd.display import Shown, Table
from mcsgd.ladders.gaps import Gap
from mcsgd.ladders.ladder import Rung, make_ladder, range_warnings
from mcsgd.ladders.result import Ladder, plain
from mcsgd.studies.axes import Axis, ladder_axes, size_name, size_of, where_text
from mcsgd.studies.found import PointResult
from mcsgd.studies.tables import orders_table, points_table, studied_table

Array = NDArray[np.float64]

__all__ = ["Study"]


@dataclass(frozen=True, eq=False)
class Study(Shown):
    """The mean endpoint and its distance to each flow at every point of a grid.

    Arrays have a dimension for each axis, in the order of `axes`, and then those that are said; NaN stands
    where there is nothing.

    Attributes
    ----------
    axes : tuple of Axis
        Name and values of what varies.
    points : tuple of PointResult
        The last axis varies fastest.
    fields : tuple of str
        Least accurate first.
    fixed_time : bool
        Whether epochs * m * eps is the same at all points.
    experiment : dict
        Sections of the experiment file, defaults filled in.
    provenance : dict
        Software, parameters, environment, resources.
    warnings : tuple of str
    """

    axes: tuple[Axis, ...]
    points: tuple[PointResult, ...]
    fields: tuple[str, ...]
    fixed_time: bool = False
    experiment: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def mean(self) -> Array:
        """Mean endpoint, (..., d)."""
        return self._array(lambda point: point.mean)

    @property
    def standard_error(self) -> Array:
        """Of the mean, (..., d); 0 where the mean is exact."""
        return self._array(lambda point: point.standard_error)

    @property
    def distance(self) -> Array:
        """Of the mean to the end of each flow, (..., fields), without what noise across it adds."""
        return self._of_gaps(lambda gap: gap.distance)

    @property
    def distance_standard_error(self) -> Array:
        """Of `distance`, (..., fields); where the mean is exact, the flow's own accuracy."""
        return self._of_gaps(lambda gap: gap.standard_error)

    @property
    def flow_endpoint(self) -> Array:
        """Where each flow ends, (..., fields, d)."""
        nothing = np.full(self.points[0].start.size, np.nan)
        return self._of_gaps(lambda gap: gap.endpoint, nothing)

    @property
    def count(self) -> NDArray[np.int64]:
        """Trajectories, (...); 0 where the mean is exact."""
        return self._array(lambda point: point.count).astype(np.int64)

    @property
    def diverged(self) -> NDArray[np.int64]:
        """Trajectories that diverged, (...)."""
        return self._array(lambda point: point.diverged).astype(np.int64)

    @property
    def flow_time(self) -> Array:
        """Epochs * m * eps, (...)."""
        return self._array(lambda point: point.flow_time)

    @property
    def range_number(self) -> Array:
        """How far an epoch reaches, m eps lambda_max, (...)."""
        return self._array(lambda point: point.range_number)

    def _array(self, value: Callable[[PointResult], Any]) -> Array:
        found = np.array([value(point) for point in self.points], float)
        return found.reshape(self.shape + found.shape[1:])

    def _of_gaps(self, value: Callable[[Gap], Any], nothing: Any = math.nan) -> Array:
        def of(point: PointResult) -> list[Any]:
            return [value(point.gaps[name]) if name in point.gaps else nothing for name in self.fields]

        return self._array(of)

    @property
    def ladder_axes(self) -> tuple[str, ...]:
        """Axes along which orders can be measured: those that have a size. The first is the default."""
        return tuple(ladder_axes(self.axes))

    def ladder(self, confidence: float = 0.95, along: str | None = None, **where: Any) -> Ladder:
        """Return slopes and orders along one axis, at one value of every other.

        Parameters
        ----------
        confidence : float
            Of the orders' intervals.
        along : str, optional
            One of `ladder_axes`; by default the first.
        **where
            A value for each other axis, as ``sampling="random-order"``.

        Raises
        ------
        InputError
            If there is no such ladder.
        """
        checks = Checks()
        checks.number("confidence", confidence, above=0, at_most=1 - 1e-12)
        name = self._along(checks, along)
        others = {axis.name: axis.values for axis in self.axes if axis.name != name}
        for other, values in others.items():
            if where.get(other) not in values:
                known = ", ".join(map(str, values))
                checks.fail(other, f"must be one of {known}; got {where.get(other)!r}")
        for other in where.keys() - others.keys():
            checks.fail(other, f"is not an axis beside {name}; these are: {', '.join(others) or 'none'}")
        checks.done()
        at = {other: where[other] for other in others}
        rungs = [
            Rung(
                value=float(point.at[name]),
                size=size_of(name, point.settings, point.at, self.fixed_time),
                range_number=point.range_number,
                method=point.method,
                settings=point.settings,
                gaps=point.gaps,
            )
            for point in self.points
            if all(point.at[other] == value for other, value in at.items())
        ]
        fields = [name for name in self.fields if any(name in rung.gaps for rung in rungs)]
        return make_ladder(name, size_name(name, self.fixed_time), at, rungs, fields, confidence)

    def _along(self, checks: Checks, along: str | None) -> str:
        names = self.ladder_axes
        if not names:
            checks.fail("along", f"needs an axis with a size, got {', '.join(a.name for a in self.axes)}")
            checks.done()
        return names[0] if along is None else checks.choice("along", along, names)

    def ladders(self, confidence: float = 0.95, along: str | None = None) -> list[Ladder]:
        """Return the ladders along one axis at all values of the others; none if no axis has a size."""
        if not self.ladder_axes:
            return []
        name = self._along(Checks(), along)
        others = [axis for axis in self.axes if axis.name != name]
        return [
            self.ladder(confidence, name, **dict(zip([axis.name for axis in others], values, strict=True)))
            for values in itertools.product(*(axis.values for axis in others))
        ]

    @property
    def range_warnings(self) -> list[str]:
        """What is to be said of m eps lambda_max."""
        numbers = np.array([point.range_number for point in self.points])
        return range_warnings(numbers, [where_text(point.at) for point in self.points])

    def tables(self) -> list[Table]:
        """Return the fitted orders, if there are any, the distances at all points, and what was studied."""
        ladders = self.ladders()
        return [*([orders_table(ladders)] if ladders else []), points_table(self), studied_table(self)]

    def __str__(self) -> str:
        lines, ladders = [], self.ladders()
        if not ladders:
            return points_table(self).as_text()
        for ladder in ladders:
            lines += [f"{where_text(ladder.where)}:"] if ladder.where else []
            lines.append(str(ladder))
        return "\n".join(lines)

    def __repr__(self) -> str:
        if self.ladder_axes and len(self.axes) == 1:
            return orders_table(self.ladders()).as_text()
        axes = " x ".join(f"{axis.name} ({len(axis.values)})" for axis in self.axes)
        return f"Study({axes}; fields {', '.join(self.fields)})"

    def as_dict(self, confidence: float = 0.95) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not a finite number."""
        return {
            "axes": {axis.name: list(axis.values) for axis in self.axes},
            "fixed_time": self.fixed_time,
            "fields": list(self.fields),
            "points": [_point_as_dict(point) for point in self.points],
            "ladders": [ladder.as_dict() for ladder in self.ladders(confidence)],
            "warnings": list(self.warnings),
        }


def _point_as_dict(point: PointResult) -> dict[str, Any]:
    numbers = plain([point.flow_time, point.range_number])
    return {
        "at": dict(point.at),
        "method": point.method,
        "trajectories": point.count,
        "diverged": point.diverged,
        "flow_time": numbers[0],
        "range_number": numbers[1],
        "mean": plain(point.mean),
        "standard_error": plain(point.standard_error),
        "distances": {name: _gap_as_dict(gap) for name, gap in point.gaps.items()},
    }


def _gap_as_dict(gap: Gap) -> dict[str, Any]:
    distance, error = plain([gap.distance, gap.standard_error])
    return {"distance": distance, "standard_error": error, "left_out": gap.left_out}
