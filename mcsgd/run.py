"""A run: all that one HDF5 file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcsgd.ensemble import Array, Ensemble
from mcsgd.flow import Flow

__all__ = ["Run"]


@dataclass(frozen=True, eq=False)
class Run:
    """An ensemble, the flows it is compared with, and where both come from.

    Attributes
    ----------
    cloud : Ensemble
    flows : dict of Flow
        By the name of the field.
    experiment : dict
        The experiment file's sections, defaults filled in.
    provenance : dict
        Software, parameters, environment, resources.
    predicted_covariance : (d, d) or None
        Of single endpoints, by theory; None where it has none, or none that was quickly had.
    stopped_by : str
        What ended the run: "count" of the trajectories, "standard error", or "time".
    """

    cloud: Ensemble
    flows: Mapping[str, Flow] = field(default_factory=dict)
    experiment: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    predicted_covariance: Array | None = None
    stopped_by: str = "count"
