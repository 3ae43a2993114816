"""What the commands print: verdicts, exact answers, contents of files, problems."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from mcsgd.comparison import Comparison
from mcsgd.covariance_comparison import CovarianceComparison
from mcsgd.flow import Flow
from mcsgd.run import Run
from mcsgd.verdict import Verdict

if TYPE_CHECKING:
    from mcsgd.advisor.pilots import Advice
    from mcsgd.exact import ExactAnswer

WORDS = {True: "compatible", False: "excluded", None: "-"}
MOST_COORDINATES = 20  # that are printed unasked


def show_verdict(
    verdict: Verdict, widths: CovarianceComparison | None = None, coordinates: bool = False
) -> None:
    """Print a line for each flow, each coordinate's if asked, the cloud's width, and the verdict in words."""
    console = Console(highlight=False)
    if verdict.comparisons:
        table = table_of("flow", "distance", "std. error", _interval_name(verdict), "p", "verdict", right=4)
        for c in verdict.comparisons:
            cells = [number(c.distance, 3), number(c.distance_standard_error, 1)]
            cells += [_interval(c.distance_interval), _p_value(c.p_value), WORDS[c.compatible]]
            table.add_row(c.field, *cells)
        console.print("Distance of the mean endpoint to each flow's endpoint")
        console.print(table)
        if coordinates:
            for c in verdict.comparisons:
                console.print(f"Mean endpoint minus {c.field} flow, by coordinate")
                console.print(_coordinates(c, _interval_name(verdict)))
    if widths is not None:
        if coordinates:
            table = table_of("coordinate", "std. deviation", "predicted", right=2)
            for index, pair in enumerate(zip(widths.sample, widths.predicted, strict=True)):
                table.add_row(str(index), *(number(width, 3) for width in pair))
            console.print("Standard deviation of the endpoints, by coordinate")
            console.print(table)
        console.print(str(widths), soft_wrap=not console.is_terminal)
    console.print(str(verdict), soft_wrap=not console.is_terminal)


def _coordinates(comparison: Comparison, interval_name: str) -> Table:
    table = table_of("coordinate", "difference", "std. error", interval_name, right=3)
    rows = zip(comparison.difference, comparison.standard_error, comparison.interval, strict=True)
    for index, (difference, error, interval) in enumerate(rows):
        table.add_row(str(index), number(difference, 3), number(error, 1), _interval(interval))
    return table


def exact_contents(answer: ExactAnswer, flows: Sequence[Flow]) -> dict[str, Any]:
    """Return an exact mean and its distances to the flows' endpoints, as plain JSON; None: not defined."""
    return {
        "method": answer.method,
        "endpoints": answer.count if math.isfinite(answer.count) else None,
        "epochs": answer.epochs,
        "mean": answer.mean.tolist(),
        "standard_deviation": _standard_deviation(answer).tolist(),
        "flows": [
            {
                "field": flow.field,
                "distance": None if flow.message else _distance(answer, flow),
                "difference": None if flow.message else (answer.mean - flow.endpoint).tolist(),
                "message": flow.message,
            }
            for flow in flows
        ],
    }


def show_exact(answer: ExactAnswer, flows: Sequence[Flow]) -> None:
    """Print an exact mean: how it was had, each coordinate if they are few, distances to the flows."""
    console = Console(highlight=False)
    epochs = "1 epoch" if answer.epochs == 1 else f"{answer.epochs} epochs"
    many = "1 endpoint" if answer.count == 1 else f"all {answer.count:.12g} equally likely endpoints"
    console.print(f"Exact mean of {many} of {epochs}, by {answer.method}", soft_wrap=not console.is_terminal)
    if answer.mean.size <= MOST_COORDINATES:
        table = table_of("coordinate", "mean", "std. deviation", right=2)
        for index, (mean, width) in enumerate(zip(answer.mean, _standard_deviation(answer), strict=True)):
            table.add_row(str(index), f"{mean:.15g}", number(width, 3))
        console.print(table)
    if flows:
        table = table_of("flow", "distance", right=1)
        for flow in flows:
            table.add_row(flow.field, number(_distance(answer, flow), 3))
        console.print("Distance of the exact mean to each flow's endpoint")
        console.print(table)
    for flow in flows:
        if flow.message:
            text = f"The flow {flow.field} has no endpoint: it {flow.message}."
            console.print(text, soft_wrap=not console.is_terminal)


def _distance(answer: ExactAnswer, flow: Flow) -> float:
    return math.dist(answer.mean, flow.endpoint)


def _standard_deviation(answer: ExactAnswer) -> Any:
    return answer.covariance.diagonal() ** 0.5


def show_advice(found: Sequence[Advice]) -> None:
    """Print what each design needs, the cheapest first named, and why others are no use."""
    console = Console(highlight=False)
    first = found[0]
    between = " to ".join(first.fields) if first.fields else "any direction"
    what = f"{first.standard_errors:g} standard errors on a distance of {first.effect:.2e} ({between})"
    console.print(f"Trajectories for {what}, by small pilots", soft_wrap=not console.is_terminal)
    table = table_of("design", "unit", "std. of a unit", "trajectories", "95% interval", "seconds", right=5)
    for advice in found:
        if advice.trajectories is None or advice.trajectories_interval is None:
            continue
        few, many = (_count(n) for n in advice.trajectories_interval)
        cells = [str(advice.trajectories_per_unit), number(advice.std or 0.0, 2)]
        cells += [_count(advice.trajectories), f"{few} to {many}", f"{advice.seconds:.2g}"]
        table.add_row(advice.design, *cells)
    if table.row_count:
        console.print(table)
    for advice in found:
        if advice.reason:
            console.print(f"{advice.design}: {advice.reason}.", soft_wrap=not console.is_terminal)
    for advice in found:
        if advice.cheapest:
            console.print(f"Cheapest here: {advice.design}.")


def _count(n: int) -> str:
    return str(n) if n < 1e7 else f"{n:.2e}"


def contents(run: Run) -> dict[str, Any]:
    """Return what is in a run's file, arrays aside, as plain JSON."""
    cloud = run.cloud
    return {
        "experiment": dict(run.experiment),
        "trajectories": cloud.count,
        "kept": "cloud" if cloud.kept else "moments",
        "corrected": cloud.is_corrected,
        "diverged": cloud.diverged,
        "independent_unit": cloud.unit_name,
        "batches": cloud.batches,
        "flow_time": cloud.flow_time,
        "flows": {name: flow.message or "integrated" for name, flow in run.flows.items()},
        "fingerprint": cloud.fingerprint,
        "stream_version": cloud.stream_version,
        "provenance": dict(run.provenance),
    }


def show_contents(path: Path, about: Mapping[str, Any]) -> None:
    """Print what `contents` returns, in short."""
    console = Console(highlight=False)
    table = table_of("", "", header=False)
    for section, values in about["experiment"].items():
        table.add_row(f"[{section}]".replace("[", r"\["), pairs(values))
    diverged = f", {about['diverged']} diverged" if about["diverged"] else ""
    corrected = ", corrected by their control variate" if about["corrected"] else ""
    unit = f"unit: {about['independent_unit']}{corrected}"
    kept = "; mean and covariance only" if about["kept"] == "moments" else ""
    table.add_row("trajectories", f"{about['trajectories']}{diverged}; {unit}{kept}")
    table.add_row("flow time", f"{about['flow_time']:g} ({about['batches']} batches an epoch)")
    table.add_row("flows", pairs(about["flows"]) or "none")
    provenance = about["provenance"]
    if provenance:
        resources, machine = provenance["resources"], provenance["environment"]
        table.add_row("run", f"{resources['start']} on {machine['host']}, {resources['seconds']} s")
        table.add_row("software", pairs(provenance["software"]))
    table.add_row("fingerprint", about["fingerprint"])
    console.print(str(path))
    console.print(table)


def show_problems(listed: Mapping[str, Mapping[str, Any]]) -> None:
    """Print each kind of problem with its arguments."""
    from mcsgd.problems import PROBLEMS

    table = table_of("kind", "loss", "keys of the section")
    for kind, arguments in listed.items():
        summary = (inspect.getdoc(PROBLEMS[kind]) or "").split("\n")[0]
        keys = [
            name if default is inspect.Parameter.empty else f"{name} = {default!r}"
            for name, default in arguments.items()
        ]
        table.add_row(kind, summary.replace("[", r"\["), ", ".join(keys))
    table.add_row("custom", "Your own: a function in a Python file.", "source, function = 'problem', ...")
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "Any of them: data = a file with arrays by these names, gradient_penalty = 0.0 (not for custom).",
        soft_wrap=not console.is_terminal,
    )


def table_of(*columns: str, right: int = 0, header: bool = True) -> Table:
    """Return an empty table; the columns 1..right hold numbers."""
    table = Table(box=None, pad_edge=False, show_header=header, header_style="bold")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if 1 <= index <= right else "left", overflow="fold")
    return table


def pairs(values: Mapping[str, Any]) -> str:
    """Return keys and values in one line."""
    texts = {key: " ".join(map(str, v)) if isinstance(v, list) else v for key, v in values.items()}
    return ", ".join(f"{key} = {v}" for key, v in texts.items() if v != "").replace("[", r"\[")


def _interval_name(verdict: Verdict) -> str:
    return f"{100 * verdict.comparisons[0].confidence:g}% interval"


def number(value: float, digits: int) -> str:
    """Return a number in so many significant digits, or a dash for none."""
    return "-" if math.isnan(value) else f"{value:.{digits - 1}e}"


def _interval(interval: Any) -> str:
    lower, upper = interval
    return "-" if math.isnan(lower) else f"{_zero(lower)} to {_zero(upper)}"


def _zero(value: float) -> str:
    return "0" if value == 0 else number(value, 3)


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "-"
    return "< 1e-12" if p < 1e-12 else f"{p:.2g}"
