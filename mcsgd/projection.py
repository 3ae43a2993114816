"""The plane that a run is drawn in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from mcsgd.ensemble import Array, Ensemble
from mcsgd.flow import Flow

__all__ = ["Plane", "main_axes", "picture_plane"]


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
    directions = _cloud_axes(cloud)
    ends = [flow.endpoint for flow in flows if not flow.message]
    candidates = [
        (directions[0], "first principal direction of the cloud"),
        (ends[-1] - ends[0] if len(ends) > 1 else np.zeros(d), "displacement between the flows"),
        (cloud.mean - cloud.start, "displacement of the mean"),
        (directions[1], "second principal direction of the cloud"),
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


def main_axes(covariance: Array) -> Array:
    """Return the two directions of largest variance, (2, d) for d >= 2, the larger first; zero for none."""
    d, scale = len(covariance), float(np.abs(covariance).max())
    if not scale:
        return np.zeros((2, d))
    _, vectors = eigh(covariance / scale, subset_by_index=[d - 2, d - 1])
    return np.asarray(vectors.T[::-1])


def _cloud_axes(cloud: Ensemble) -> Array:
    """Return the main axes of a cloud, by the smaller one of its Gram matrices."""
    if cloud.start.size <= cloud.count:
        return main_axes(cloud.covariance)
    deviations = cloud.endpoints - cloud.mean
    if cloud.count == 1:
        return np.zeros((2, cloud.start.size))
    return main_axes(deviations @ deviations.T) @ deviations
