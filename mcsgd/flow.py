"""A flow's path, as computed or as read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mcsgd.display import Shown, Table, vector

Array: TypeAlias = NDArray[np.float64]

__all__ = ["PATH_ACCURACY", "Flow"]

PATH_ACCURACY = 1e-9
"""Error of a path between the integrator's steps, relative to its largest coordinate."""


@dataclass(frozen=True, eq=False)
class Flow(Shown):
    """An integrated modified flow.

    Attributes
    ----------
    field : str
        Name of the vector field.
    time : (p,)
        Flow time, from 0 to epochs * m * eps; every epoch's end is among the points, up to 10 000 epochs.
    path : (p, d)
        Interpolated between the integrator's steps, to a relative error of about 1e-9.
    endpoint : (d,)
        Where the flow is at the last time; NaN if it could not be integrated so far.
    message : str
        Empty, or why the integration ended early.
    derivatives : str
        How the problem's Hessian-vector products were had: "formula", "complex step" (exact to rounding)
        or "central difference" (relative error about 1e-10).
    """

    field: str
    time: Array
    path: Array
    endpoint: Array
    message: str = ""
    derivatives: str = "formula"

    def tables(self) -> list[Table]:
        """Return from when to when the flow goes, and where it ends."""
        rows = [("time", self._times), ("endpoint", vector(self.endpoint)), ("derivatives", self.derivatives)]
        notes = [f"It has no endpoint: it {self.message}."] if self.message else []
        return [Table(f"Flow {self.field}", (), rows, notes=notes)]

    @property
    def _times(self) -> str:
        return f"0 to {self.time[-1]:g}" if len(self.time) else "none"

    def __repr__(self) -> str:
        state = self.message or f"time {self._times}"
        return f"Flow({self.field}, {state}, endpoint [{vector(self.endpoint)}])"
