"""What a study of a ladder gives: distances, local slopes and a fitted order for each field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcsgd.display import Shown, Table, number
from mcsgd.ladders.fit import Array

__all__ = ["FieldOrder", "Study"]

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
    message : str
        Empty, or why there is no fit and what would be needed.
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
    message: str = ""

    @property
    def used(self) -> tuple[bool, ...]:
        """Whether each rung is in the fit."""
        return tuple(not reason for reason in self.left_out)

    @property
    def order_text(self) -> str:
        """The order and its standard error, in as many digits as are known."""
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
        """The order's interval, in as many digits."""
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
            "distance": _plain(self.distance),
            "standard_error": _plain(self.standard_error),
            "slopes": _plain(self.slopes),
            "slope_errors": _plain(self.slope_errors),
            "left_out": list(self.left_out),
            "order": _plain([self.order])[0],
            "order_error": _plain([self.order_error])[0],
            "order_interval": _plain(self.order_interval),
            "scatter": _plain([self.scatter])[0],
            "message": self.message,
        }


@dataclass(frozen=True, eq=False)
class Study(Shown):
    """The order of flows over a ladder of one setting.

    Attributes
    ----------
    vary : str
        The setting that differs from rung to rung.
    values : (n,)
        Its values.
    sizes : (n,)
        What orders are measured in: the values, but the step sizes for epochs at fixed time, and
        1/(1 - beta) for momentum.
    size_name : str
    range_numbers : (n,)
        m eps lambda_max, how far an epoch reaches; see `mcsgd.theory.largest_curvature`. With momentum
        over 1 - beta. NaN for Adam.
    methods : tuple of str
        For each rung, the exact method, or "Monte Carlo".
    fields : tuple of FieldOrder
    trajectories : int
        Of each rung that is Monte Carlo.
    confidence : float
    warnings : tuple of str
    """

    vary: str
    values: Array
    sizes: Array
    size_name: str
    range_numbers: Array
    methods: tuple[str, ...]
    fields: tuple[FieldOrder, ...]
    trajectories: int
    confidence: float
    warnings: tuple[str, ...] = ()

    def __getitem__(self, field: str) -> FieldOrder:
        return {one.field: one for one in self.fields}[field]

    def tables(self) -> list[Table]:
        """Return the fitted orders, and the distances that they were fitted to."""
        columns = (self.vary, "m eps λ", *(f"to {one.field}" for one in self.fields))
        rows = [
            (f"{value:g}", number(reach, 2), *(self._distance(one, index) for one in self.fields))
            for index, (value, reach) in enumerate(zip(self.values, self.range_numbers, strict=True))
        ]
        left_out = any(any(one.left_out) for one in self.fields)
        notes = ["In parentheses: not in the fit."] if left_out else []
        caption = "Distance of the mean endpoint to each flow's endpoint"
        return [self._orders(), Table(caption, columns, rows, len(columns) - 1, notes)]

    def _orders(self) -> Table:
        columns = ("flow", "order", f"{100 * self.confidence:g}% interval", "rungs in the fit")
        rows = [
            (one.field, "-", "-", one.rungs_text)
            if one.message
            else (one.field, one.order_text, one.interval_text, one.rungs_text)
            for one in self.fields
        ]
        notes = [str(one) for one in self.fields if one.message]
        return Table(f"Orders in the {self.size_name} of the distance to each flow", columns, rows, 3, notes)

    @staticmethod
    def _distance(one: FieldOrder, index: int) -> str:
        text = number(one.distance[index], 3)
        if text != "-":
            text += f" ± {number(one.standard_error[index], 1)}"
        return f"({text})" if one.left_out[index] else text

    def __str__(self) -> str:
        return "\n".join(str(one) for one in self.fields)

    def __repr__(self) -> str:
        return self._orders().as_text()

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not a finite number."""
        return {
            "vary": self.vary,
            "values": _plain(self.values),
            "size_name": self.size_name,
            "sizes": _plain(self.sizes),
            "range_numbers": _plain(self.range_numbers),
            "methods": list(self.methods),
            "trajectories": self.trajectories,
            "confidence": self.confidence,
            "fields": [one.as_dict() for one in self.fields],
            "warnings": list(self.warnings),
        }


def _plain(values: Any) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in np.asarray(values, float).tolist()]
