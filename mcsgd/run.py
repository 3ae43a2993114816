"""A run: all that one HDF5 file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcsgd.display import Shown, Table, pairs
from mcsgd.ensemble import Array, Ensemble
from mcsgd.flow import Flow

__all__ = ["Run"]


@dataclass(frozen=True, eq=False)
class Run(Shown):
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

    def tables(self) -> list[Table]:
        """Return what is in the run and where it comes from, and the mean endpoint as the ensemble has it."""
        about, mean = self.cloud.tables()
        rows: list[Sequence[str]] = []
        rows += [(f"[{section}]", pairs(values)) for section, values in self.experiment.items()]
        rows += [row for row in about.rows if not self.experiment or row[0] != "settings"]
        if self.stopped_by != "count":
            rows.append(("ended by", self.stopped_by))
        integrated = {name: flow.message or "integrated" for name, flow in self.flows.items()}
        rows.append(("flows", pairs(integrated) or "none"))
        made = {part: self.provenance.get(part, {}) for part in ("resources", "environment", "software")}
        when = {name: made["resources"].get(name, "") for name in ("start", "seconds")}
        rows.append(("run", pairs(when | {"host": made["environment"].get("host", "")})))
        rows.append(("software", pairs(made["software"])))
        rows.append(("fingerprint", self.cloud.fingerprint))
        return [Table("Run", (), [row for row in rows if row[1]]), mean]

    def __repr__(self) -> str:
        return f"Run({self.cloud!r}, flows: {', '.join(self.flows) or 'none'})"
