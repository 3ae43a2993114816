"""A run: all that one HDF5 file holds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from mcsgd.display import MOST_ITEMS, Shown, Table, counted, pairs
from mcsgd.ensemble import Array, Ensemble
from mcsgd.flow import Flow
from mcsgd.glimpse import about_ensemble, mean_table

__all__ = ["Run", "provenance_rows", "provenance_table", "settings_table"]


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
        """Return what was run, where it comes from, and the mean endpoint where that is soon known."""
        return [settings_table(self), provenance_table(self), mean_table(self.cloud)]

    def __repr__(self) -> str:
        return f"Run({self.cloud!r}, flows: {', '.join(self.flows) or 'none'})"


def settings_table(run: Run) -> Table:
    """Return what was run: the experiment, without settings that have their default."""
    examples = run.provenance.get("parameters", {}).get("problem", {}).get("examples")
    flows = [f"{name} (no endpoint)" if flow.message else name for name, flow in run.flows.items()]
    rows = [
        *about_ensemble(run.cloud, run.experiment, examples),
        *([] if run.stopped_by == "count" else [("ended by", run.stopped_by)]),
        ("flows", ", ".join(flows) or "none"),
    ]
    return Table("Settings", (), rows)


def provenance_table(run: Run) -> Table:
    """Return where a run comes from: when, where, and with which software it was made."""
    rows = [
        *provenance_rows(run.provenance),
        ("random stream", str(run.cloud.stream_version)),
        ("fingerprint", run.cloud.fingerprint),
    ]
    return Table("Provenance", (), rows)


def provenance_rows(made: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a provenance says, in rows of a name and what it is."""
    if not made:
        return []
    machine, job = made["environment"], made["environment"]["job"]
    return [
        ("run", _times(made)),
        *(
            ("before it", f"{_times(one)}; mcsgd {one['software']['mcsgd']}")
            for one in made.get("earlier", ())
        ),
        ("command", _command(made["parameters"]["command"])),
        ("machine", f"{machine['host']}: {machine['cpu']}, {machine['platform']}"),
        ("threads", str(machine["workers"])),
        *([("job", pairs(job))] if job else []),
        *([("parts", _parts(made["shards"]))] if made.get("shards") else []),
        ("software", pairs(made["software"])),
    ]


def _times(made: Mapping[str, Any]) -> str:
    """Return when work began and ended, and how long it took."""
    spent = made["resources"]
    seconds = f"{spent['seconds']} s, {spent['cpu_seconds']} s of all cores"
    return f"{spent['start']} to {spent['end']}: {seconds}"


def _command(arguments: Sequence[str]) -> str:
    """Return a command line, without the folder of the program."""
    return shlex.join([PurePath(arguments[0]).name, *arguments[1:]]) if arguments else "-"


def _parts(shards: Sequence[Mapping[str, Any]]) -> str:
    """Return who made the parts of a run, and how long that took."""
    hosts = sorted({str(shard["host"]) for shard in shards})
    processes = {(shard["host"], shard["process"]) for shard in shards}
    named = ", ".join(hosts[:MOST_ITEMS]) + (", ..." if len(hosts) > MOST_ITEMS else "")
    seconds = sum(float(shard["seconds"]) for shard in shards)
    by = counted(len(processes), "process")
    return f"{len(shards)}, by {by} on {named}: {seconds:.6g} s together"
