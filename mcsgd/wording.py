"""What is said of a run in tables of text: the same words and numbers in a terminal and on a page."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import PurePath
from typing import Any

from mcsgd.comparison import Comparison
from mcsgd.covariance_comparison import CovarianceComparison
from mcsgd.ensemble import Ensemble
from mcsgd.run import Run
from mcsgd.schemes import DESIGNS, SAMPLINGS
from mcsgd.settings import Settings
from mcsgd.verdict import Verdict

__all__ = [
    "Table",
    "coordinates_table",
    "counted",
    "flows_table",
    "not_default",
    "number",
    "p_value",
    "pairs",
    "provenance_table",
    "settings_table",
    "widths_table",
]

VERDICTS = {True: "compatible", False: "excluded", None: "-"}
ALWAYS = ("step_size", "epochs", "sampling", "trajectories", "seed", "design")
"""Settings that are named even where they have their default."""
PLURALS = {"batch": "batches", "trajectory": "trajectories"}
MOST_ITEMS = 12
"""Of a list that is written out."""


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    columns : tuple of str
        Empty for a table of names and what they are.
    rows : tuple of tuple of str
    right : int
        The columns 1..right hold numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: int = 0


def flows_table(verdict: Verdict) -> Table:
    """Return a line for each flow: its distance from the mean, and whether it is compatible."""
    rows = [
        (
            c.field,
            number(c.distance, 3),
            number(c.distance_standard_error, 1),
            _interval(c.distance_interval),
            p_value(c.p_value),
            VERDICTS[c.compatible],
        )
        for c in verdict.comparisons
    ]
    columns = "flow", "distance", "std. error", _interval_name(verdict.comparisons), "p", "verdict"
    return Table("Distance of the mean endpoint to each flow's endpoint", columns, tuple(rows), right=4)


def coordinates_table(comparison: Comparison) -> Table:
    """Return a line for each coordinate of the mean endpoint minus the flow's."""
    values = zip(comparison.difference, comparison.standard_error, comparison.interval, strict=True)
    rows = [
        (str(index), number(difference, 3), number(error, 1), _interval(interval))
        for index, (difference, error, interval) in enumerate(values)
    ]
    columns = "coordinate", "difference", "std. error", _interval_name([comparison])
    return Table(f"Mean endpoint minus {comparison.field} flow, by coordinate", columns, tuple(rows), right=3)


def widths_table(widths: CovarianceComparison) -> Table:
    """Return a line for each coordinate's standard deviation, sampled and predicted."""
    values = enumerate(zip(widths.sample, widths.predicted, strict=True))
    rows = [(str(index), number(sample, 3), number(predicted, 3)) for index, (sample, predicted) in values]
    columns = "coordinate", "std. deviation", "predicted"
    return Table("Standard deviation of the endpoints, by coordinate", columns, tuple(rows), right=2)


def settings_table(run: Run) -> Table:
    """Return what was run: the experiment, without settings that have their default."""
    cloud = run.cloud
    known = {**run.experiment, **cloud.settings.as_tables()}
    order = {name: known[name] for name in ("problem", "start", "sgd", "ensemble") if name in known}
    sections = {name: table for name, table in (order | known).items() if name != "flow"}
    rows = [
        *((name, pairs(not_default(table))) for name, table in sections.items()),
        ("sampling", SAMPLINGS[cloud.settings.sampling].summary),
        *([] if cloud.deterministic else [("design", _design(cloud))]),
        ("trajectories", _trajectories(run)),
        ("size", _size(run)),
        ("flow time", f"{cloud.flow_time:g}"),
        ("flows", pairs({name: flow.message or "integrated" for name, flow in run.flows.items()}) or "none"),
    ]
    return Table("Settings", (), tuple(rows))


def provenance_table(run: Run) -> Table:
    """Return where a run comes from: when, where, and with which software it was made."""
    made, rows = run.provenance, []
    if made:
        resources, machine, job = made["resources"], made["environment"], made["environment"]["job"]
        seconds = f"{resources['seconds']} s, {resources['cpu_seconds']} s of all cores"
        rows = [
            ("run", f"{resources['start']} to {resources['end']}: {seconds}"),
            ("command", _command(made["parameters"]["command"])),
            ("machine", f"{machine['host']}: {machine['cpu']}, {machine['platform']}"),
            ("threads", str(machine["workers"])),
            *([("job", pairs(job))] if job else []),
            *([("parts", _parts(made["shards"]))] if made.get("shards") else []),
            ("software", pairs(made["software"])),
        ]
    rows += [
        ("random stream", str(run.cloud.stream_version)),
        ("fingerprint", run.cloud.fingerprint),
    ]
    return Table("Provenance", (), tuple(rows))


def counted(n: int, what: str) -> str:
    """Return a number of things, whose name is in the plural if they are not one.

    Examples
    --------
    >>> counted(1, "batch"), counted(20, "batch"), counted(2, "epoch")
    ('1 batch', '20 batches', '2 epochs')
    """
    return f"{n} {what}" if n == 1 else f"{n} {PLURALS.get(what, f'{what}s')}"


def number(value: float, digits: int) -> str:
    """Return a number in so many significant digits, or a dash for none."""
    return "-" if math.isnan(value) else f"{value:.{digits - 1}e}"


def p_value(p: float) -> str:
    """Return a probability in two digits, or a dash for none."""
    if math.isnan(p):
        return "-"
    return "< 1e-12" if p < 1e-12 else f"{p:.2g}"


def pairs(values: Mapping[str, Any]) -> str:
    """Return names and values in one line; of a long list, how many numbers it has."""
    return ", ".join(f"{name} = {_short(value)}" for name, value in values.items() if value not in ("", None))


def not_default(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a section of an experiment that are not settings at their default.

    Step size, epochs, sampling, trajectories, seed and design are named in any case.
    """
    usual = {
        f.name: list(f.default) if isinstance(f.default, tuple) else f.default
        for f in fields(Settings)
        if f.default is not MISSING and f.name not in ALWAYS
    }
    return {name: value for name, value in section.items() if name not in usual or value != usual[name]}


def _interval_name(comparisons: Sequence[Comparison]) -> str:
    return f"{100 * comparisons[0].confidence:g}% interval" if comparisons else "interval"


def _interval(interval: Any) -> str:
    lower, upper = interval
    return "-" if math.isnan(lower) else f"{_zero(lower)} to {_zero(upper)}"


def _zero(value: float) -> str:
    return "0" if value == 0 else number(value, 3)


def _short(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    if value and isinstance(value[0], list):
        return f"{' x '.join(map(str, _shape(value)))} numbers"
    return f"{len(value)} items" if len(value) > MOST_ITEMS else " ".join(map(str, value))


def _shape(value: Any) -> Iterable[int]:
    while isinstance(value, list):
        yield len(value)
        value = value[0] if value else None


def _size(run: Run) -> str:
    known = run.provenance.get("parameters", {}).get("problem", {}).get("examples")
    examples = "" if known is None else f"{counted(known, 'example')}, "
    batches = counted(run.cloud.batches, "batch")
    return f"{counted(run.cloud.start.size, 'parameter')}, {examples}{batches} an epoch"


def _design(cloud: Ensemble) -> str:
    corrected = ", corrected by its control variate" if cloud.is_corrected else ""
    return f"{DESIGNS[cloud.settings.design].summary}; unit: {cloud.unit_name}{corrected}"


def _trajectories(run: Run) -> str:
    cloud = run.cloud
    text = str(cloud.count)
    text += f", {cloud.diverged} diverged" if cloud.diverged else ""
    text += f"; ended by {run.stopped_by}" if run.stopped_by != "count" else ""
    return text if cloud.kept else f"{text}; mean and covariance only"


def _command(arguments: Sequence[str]) -> str:
    """Return a command line, without the folder of the program."""
    return shlex.join([PurePath(arguments[0]).name, *arguments[1:]]) if arguments else "-"


def _parts(shards: Sequence[Mapping[str, Any]]) -> str:
    """Return who made the parts of a run, and how long that took."""
    hosts = sorted({str(shard["host"]) for shard in shards})
    processes = {(shard["host"], shard["process"]) for shard in shards}
    named = ", ".join(hosts[:MOST_ITEMS]) + (", ..." if len(hosts) > MOST_ITEMS else "")
    seconds = sum(float(shard["seconds"]) for shard in shards)
    return f"{len(shards)}, by {len(processes)} processes on {named}: {seconds:.6g} s together"
