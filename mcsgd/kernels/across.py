"""A user's plain function, compiled for eight trajectories at once.

Every number that depends on the parameters becomes a vector with a lane for each trajectory, and w and
`out` are arrays of such vectors. What is known of them is in `mcsgd.kernels.lane_numbers` and
`mcsgd.kernels.lane_arrays`; most other code does not compile for vectors, above all where such a number
decides (``if z > 0``). Lanes do not mix: what one holds does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from mcsgd.kernels.jit import INDICES, user_jit
from mcsgd.kernels.lane_arrays import LANE_VECTOR, as_lanes

__all__ = ["across"]


@cache
def across(function: Callable[..., None], data_type: Any) -> Any | None:
    """Compile ``gradient(w, batch, data, out)`` for eight trajectories; return None if that cannot be.

    The result takes w and out (8 d,): number j of trajectory i stands at [8 j + i].
    """
    compiled = user_jit(function)
    try:
        compiled.compile((LANE_VECTOR, INDICES, data_type, LANE_VECTOR))
    except Exception:  # numba's failures are of many classes; the function has compiled for numbers
        return None

    def gradient(w, batch, data, out):
        compiled(as_lanes(w), batch, data, as_lanes(out))

    return user_jit(gradient)
