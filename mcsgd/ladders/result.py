"""What a ladder of points gives: distances, local slopes and a fitted order for each field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcsgd.display import Shown, Table, number
from mcsgd.ladders.fit import Array

__all__ = ["FieldOrder", "Ladder", "plain", "range_text"]

MOST_DIGITS = 6


@dataclass(frozen=True, eq=False)
class FieldOrder:
    """Distance of the mean endpoint to one field's flow, over the rungs.

    Attributes
    ----------
    field : str
    distance : (n,)
        Without what noise across the difference adds; NaN where there is none.
    standard_error : (n,)
        Of the distance; that of the flow's accuracy where the mean is exact.
    slopes, slope_errors : (n - 1,)
        Between neighbouring rungs that are used, and their standard errors; NaN elsewhere.
    left_out : tuple of str
        For each rung, why it is not in the fit; empty where it is.
    order, order_error : float
        Fitted to the rungs used, and its standard error; NaN if there is no fit.
    order_interval : (float, float)
        Of noise, and of what higher orders may add; may be infinite on a side.
    scatter : float
        Of the rungs about the fit, over what is expected; 1 if not more.
    factor : float
        k, where the series goes on in powers of k m eps lambda_max: its asymptotic range ends at about 1/k.
    message : str
        Empty, or why there is no order and what would be needed.
    """

    field: str
    distance: Array
    standard_error: Array
    slopes: Array
    slope_errors: Array
    left_out: tuple[str, ...]
    order: float = math.nan
    order_error: float = math.nan
    order_interval: tuple[float, float] = (math.nan, math.nan)
    scatter: float = math.nan
    factor: float = math.nan
    message: str = ""

    @property
    def used(self) -> tuple[bool, ...]:
        """Whether each rung is in the fit."""
        return tuple(not reason for reason in self.left_out)

    @property
    def order_text(self) -> str:
        """The order and its standard error, in as many digits as are known; a dash for none."""
        if self.message:
            return "-"
        digits = self._digits
        return f"{self.order:.{digits}f} ± {self.order_error:.{digits}f}"

    @property
    def _digits(self) -> int:
        if not math.isfinite(self.order_error):
            return 2
        known = 1 - math.floor(math.log10(max(self.order_error, 1e-8)))
        return min(max(known, 2), MOST_DIGITS)

    @property
    def interval_text(self) -> str:
        """The order's interval, in as many digits; a dash for none."""
        if self.message:
            return "-"
        low, high = self.order_interval
        return f"{low:.{self._digits}f} to {high:.{self._digits}f}"

    @property
    def rungs_text(self) -> str:
        """How many rungs the order was fitted to."""
        return f"{sum(self.used)} of {len(self.used)}"

    def __repr__(self) -> str:
        return f"FieldOrder({self.field}, {self.message or 'order ' + self.order_text})"

    def __str__(self) -> str:
        if self.message:
            return f"{self.field}: {self.message}."
        fitted = f"fitted to {self.rungs_text} rungs"
        return f"{self.field}: order {self.order_text} ({self.interval_text}), {fitted}."

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not a finite number."""
        return {
            "field": self.field,
            "distance": plain(self.distance),
            "standard_error": plain(self.standard_error),
            "slopes": plain(self.slopes),
            "slope_errors": plain(self.slope_errors),
            "left_out": list(self.left_out),
            "order": plain([self.order])[0],
            "order_error": plain([self.order_error])[0],
            "order_interval": plain(self.order_interval),
            "scatter": plain([self.scatter])[0],
            "factor": plain([self.factor])[0],
            "message": self.message,
        }


@dataclass(frozen=True, eq=False)
class Ladder(Shown):
    """The order of flows over a ladder of one setting.

    Attributes
    ----------
    vary : str
        The setting that differs from rung to rung.
    where : dict
        The values of what else varies in the study; empty if nothing does.
    values : (n,)
        Of the setting.
    sizes : (n,)
        What orders are measured in: the values, but the step sizes for epochs at fixed time, and
        1/(1 - beta) for momentum.
    size_name : str
    range_numbers : (n,)
        m eps lambda_max, how far an epoch reaches; see `mcsgd.theory.largest_curvature`. With momentum
        over 1 - beta. NaN for Adam.
    methods : tuple of str
        For each rung, the exact method, or "Monte Carlo".
    trajectories : tuple of int
        Of each rung; not used where the mean is exact.
    fields : tuple of FieldOrder
    confidence : float
    """

    vary: str
    where: Mapping[str, Any]
    values: Array
    sizes: Array
    size_name: str
    range_numbers: Array
    methods: tuple[str, ...]
    trajectories: tuple[int, ...]
    fields: tuple[FieldOrder, ...]
    confidence: float

    def __getitem__(self, field: str) -> FieldOrder:
        return {one.field: one for one in self.fields}[field]

    def tables(self) -> list[Table]:
        """Return for each field its distance and local slope at each rung, and its order below."""
        return [self.rung_table(one) for one in self.fields]

    def rung_table(self, one: FieldOrder) -> Table:
        """Return a line for each rung: the distance to a field's flow, and the slope from the rung before."""
        slopes, errors = [[math.nan, *values] for values in (one.slopes, one.slope_errors)]
        rows: list[tuple[str, ...]] = [
            (
                f"{value:g}",
                range_text(self.range_numbers[i]),
                number(one.distance[i], 4),
                number(one.standard_error[i], 1),
                "-" if math.isnan(slopes[i]) else f"{slopes[i]:.3f}",
                number(errors[i], 1),
                one.left_out[i],
            )
            for i, value in enumerate(self.values)
        ]
        columns: tuple[str, ...] = (self.vary, "m eps λ", "distance", "±", "slope", "±", "left out")
        if all(one.used):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        caption = f"Distance of the mean endpoint to the {one.field} flow"
        return Table(caption, columns, rows, right=5, notes=[str(one)])

    def __str__(self) -> str:
        return "\n".join(str(one) for one in self.fields)

    def __repr__(self) -> str:
        where = "".join(f", {name} {value}" for name, value in self.where.items())
        orders = ", ".join(f"{one.field} {one.order_text}" for one in self.fields)
        return f"Ladder({self.vary}, {len(self.values)} rungs{where}; orders: {orders})"

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not a finite number."""
        return {
            "vary": self.vary,
            "where": dict(self.where),
            "values": plain(self.values),
            "size_name": self.size_name,
            "sizes": plain(self.sizes),
            "range_numbers": plain(self.range_numbers),
            "methods": list(self.methods),
            "trajectories": list(self.trajectories),
            "confidence": self.confidence,
            "fields": [one.as_dict() for one in self.fields],
        }


def range_text(value: float) -> str:
    """Return m eps lambda_max in two digits, or a dash for none.

    Examples
    --------
    >>> range_text(0.1374), range_text(math.nan)
    ('0.14', '-')
    """
    return "-" if math.isnan(value) else f"{value:.2g}"


def plain(values: Any) -> list[float | None]:
    """Return a list with None for what is not a finite number."""
    return [value if math.isfinite(value) else None for value in np.asarray(values, float).tolist()]
