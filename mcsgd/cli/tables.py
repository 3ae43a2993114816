"""What the commands print: verdicts, exact answers, contents of files, problems."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich.table
from rich.console import Console
from rich.markup import escape

from mcsgd.comparison import coordinate_table
from mcsgd.display import Table, number
from mcsgd.findings import Findings
from mcsgd.flow import Flow
from mcsgd.run import Run, provenance_rows, provenance_table, settings_table
from mcsgd.studies.axes import where_text
from mcsgd.studies.study import Study
from mcsgd.studies.tables import about_means, points_table, studied_table

if TYPE_CHECKING:
    from mcsgd.advisor.pilots import Advice
    from mcsgd.exact import ExactAnswer

MOST_COORDINATES = 20  # that are printed unasked
WIDE = 200
"""Columns of a study where lines go to no terminal, which would break them."""


def show_findings(found: Findings, coordinates: bool = False) -> None:
    """Print a line for each flow, each coordinate's if asked, the cloud's width, and the verdict in words."""
    console = Console(highlight=False)
    comparisons, widths = found.verdict.comparisons, found.widths
    if comparisons:
        show(console, *found.verdict.tables())
    if coordinates:
        show(console, *map(coordinate_table, comparisons))
        if widths is not None:
            show(console, *widths.tables())
    if widths is not None:
        console.print(str(widths), soft_wrap=not console.is_terminal)
    console.print(str(found.verdict), soft_wrap=not console.is_terminal)


def show(console: Console, *tables: Table) -> None:
    """Print tables, folded where the terminal is narrow; their notes are the caller's business."""
    for table in tables:
        printed = table_of(*(table.columns or ("", "")), right=table.right, header=bool(table.columns))
        for row in table.rows:
            printed.add_row(*map(escape, row))
        console.print(table.caption, markup=False, soft_wrap=not table.columns)
        console.print(printed)


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


def show_study(study: Study, confidence: float) -> None:
    """Print distances, slopes and orders: of one ladder, each rung; of a grid, each point and each ladder."""
    console, ladders = Console(highlight=False), study.ladders(confidence)
    if not console.is_terminal:
        console.width = WIDE
    show(console, *(ladders[0].tables() if len(ladders) == 1 else [points_table(study)]))
    about = about_means(study)
    if ladders:
        about = f"Orders in the {ladders[0].size_name}, with {100 * confidence:g}% intervals; {about}"
    lines = [about]
    for ladder in ladders:
        lines += [f"At {where_text(ladder.where)}:"] if ladder.where else []
        lines += str(ladder).splitlines()
    for line in lines:
        console.print(line, soft_wrap=not console.is_terminal)


def contents(found: Run | Study) -> dict[str, Any]:
    """Return what is in a run's or a study's file, arrays aside, as plain JSON."""
    return _study_contents(found) if isinstance(found, Study) else _run_contents(found)


def _run_contents(run: Run) -> dict[str, Any]:
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


def _study_contents(study: Study) -> dict[str, Any]:
    return {
        "experiment": dict(study.experiment),
        "axes": {axis.name: list(axis.values) for axis in study.axes},
        "points": len(study.points),
        "exact": int((study.count == 0).sum()),
        "trajectories": int(study.count.sum()),
        "fields": list(study.fields),
        "warnings": list(study.warnings),
        "provenance": dict(study.provenance),
    }


def show_contents(path: Path, found: Run | Study) -> None:
    """Print what is in a run's or a study's file, in short."""
    if isinstance(found, Study):
        rows = [*studied_table(found).rows, *provenance_rows(found.provenance)]
    else:
        rows = [*settings_table(found).rows, *provenance_table(found).rows]
    show(Console(highlight=False), Table(str(path), (), rows))


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


def table_of(*columns: str, right: int = 0, header: bool = True) -> rich.table.Table:
    """Return an empty table; the columns 1..right hold numbers."""
    table = rich.table.Table(box=None, pad_edge=False, show_header=header, header_style="bold")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if 1 <= index <= right else "left", overflow="fold")
    return table
