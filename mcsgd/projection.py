"""The plane that a run is drawn in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcsgd.ensemble import Array, Ensemble
from mcsgd.flow import Flow

__all__ = ["Plane", "picture_plane"]


@dataclass(frozen=True, eq=False)
class Plane:
    """Coordinates for a picture.

    Attributes
    ----------
    origin : (d,)
    axes : (2, d)
        Orthonormal; empty for one parameter, which is drawn against flow time.
    labels : (str, str)
    """

    origin: Array
    axes: Array
    labels: tuple[str, str]

    def project(self, w: Array, time: Array) -> tuple[Array, Array]:
        """Return both coordinates (n,) of parameters w (n, d) at flow times (n,)."""
        if not self.axes.size:
            return time, w[:, 0]
        x, y = (w - self.origin) @ self.axes.T[:, 0], (w - self.origin) @ self.axes.T[:, 1]
        return x, y


def picture_plane(cloud: Ensemble, flows: list[Flow]) -> Plane:
    """Choose the plane: see `mcsgd.plots.cloud_picture`."""
    d = cloud.start.size
    if d == 1:
        return Plane(np.zeros(1), np.empty((0, 1)), ("flow time", "parameter"))
    if d == 2:
        return Plane(np.zeros(2), np.eye(2), ("parameter 0", "parameter 1"))
    deviations = cloud.endpoints - cloud.mean
    # Of many parameters or many endpoints, the smaller Gram matrix is decomposed.
    directions = np.linalg.svd(_compressed(deviations), full_matrices=False)[2]
    ends = [flow.endpoint for flow in flows if not flow.message]
    candidates = [
        (directions[0], "first principal direction of the cloud"),
        (ends[-1] - ends[0] if len(ends) > 1 else np.zeros(d), "displacement between the flows"),
        (cloud.mean - cloud.start, "displacement of the mean"),
        *((direction, "another principal direction of the cloud") for direction in directions[1:]),
        *((unit, "another direction") for unit in np.eye(d)),
    ]
    axes: list[Array] = []
    labels = []
    for vector, label in candidates:
        rest = vector - sum((axis * (axis @ vector) for axis in axes), np.zeros(d))
        if np.linalg.norm(rest) > 1e-3 * np.linalg.norm(vector) > 0:
            axes.append(rest / np.linalg.norm(rest))
            labels.append(label)
        if len(axes) == 2:
            break
    return Plane(cloud.mean, np.array(axes), (labels[0], labels[1]))


def _compressed(deviations: Array) -> Array:
    """Return a matrix of at most d rows with the same right singular vectors."""
    n, d = deviations.shape
    return np.asarray(np.linalg.qr(deviations, mode="r")) if n > d else deviations
