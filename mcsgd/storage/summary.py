"""What the group statistics of a run's file holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsgd.ensemble import Ensemble

__all__ = ["summary"]

CONDITIONAL = "conditional_on_finishing"


def summary(cloud: Ensemble) -> dict[str, NDArray[Any]]:
    """Return count, diverged, mean, standard_error and covariance of an ensemble, those that exist.

    Where trajectories diverged, the mean over all orders does not exist: in its place, and that of the
    others, stand those of the units that finished, under conditional_on_finishing. The covariance is left out
    where it is larger than the cloud that it is computed from.
    """
    found: dict[str, Any] = {"count": np.int64(cloud.count), "diverged": np.int64(cloud.diverged)}
    prefix = ""
    if cloud.diverged:
        cloud, prefix = cloud.finished(), f"{CONDITIONAL}/"
        found[f"{prefix}count"] = np.int64(cloud.count)
    if cloud.count:
        found[f"{prefix}mean"], found[f"{prefix}standard_error"] = cloud.mean, cloud.standard_error
        if cloud.start.size <= cloud.count:
            found[f"{prefix}covariance"] = cloud.covariance
    return {name: np.asarray(values) for name, values in found.items()}
