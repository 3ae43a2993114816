"""What the commands print: verdicts, exact answers, contents of files, problems."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich.table
from rich.console import Console, JustifyMethod
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
    say(console, *([] if widths is None else [str(widths)]), str(found.verdict))


def show(console: Console, *tables: Table) -> None:
    """Print tables, folded where the terminal is narrow; their notes are the caller's business."""
    for table in tables:
        if table.caption:
            console.print(table.caption, markup=False, soft_wrap=not (table.columns and console.is_terminal))
        if not table.rows:
            continue
        printed = rich.table.Table(
            box=None, pad_edge=False, show_header=bool(table.columns), header_style="bold"
        )
        for index, name in enumerate(table.columns or ("", "")):
            justify: JustifyMethod = "right" if 1 <= index <= table.right else "left"
            printed.add_column(name, justify=justify, overflow="fold")
        for row in table.rows:
            printed.add_row(*map(escape, row))
        console.print(printed)


def say(console: Console, *lines: str) -> None:
    """Print lines of text, which only a terminal folds."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=not console.is_terminal)


def exact_contents(answer: ExactAnswer, flows: Sequence[Flow]) -> dict[str, Any]:
    """Return an exact mean and its distances to the flows' endpoints, as plain JSON; None: not defined."""
    return {
        "method": answer.method,
        "endpoints": answer.count if math.isfinite(answer.count) else None,
        "epochs": answer.epochs,
        "mean": answer.mean.tolist(),
        "standard_deviation": answer.standard_deviation.tolist(),
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
    console, known = Console(highlight=False), answer.mean_table(MOST_COORDINATES)
    if answer.mean.size > MOST_COORDINATES:
        known = Table(known.caption, (), ())
    show(console, known)
    if flows:
        rows = [(flow.field, number(_distance(answer, flow), 3)) for flow in flows]
        caption = "Distance of the exact mean to each flow's endpoint"
        show(console, Table(caption, ("flow", "distance"), rows, 1))
    none = [flow for flow in flows if flow.message]
    say(console, *(f"The flow {flow.field} has no endpoint: it {flow.message}." for flow in none))


def _distance(answer: ExactAnswer, flow: Flow) -> float:
    return math.dist(answer.mean, flow.endpoint)


def show_advice(found: Sequence[Advice]) -> None:
    """Print what each design needs, the cheapest first named, and why others are no use."""
    console, first = Console(highlight=False), found[0]
    between = " to ".join(first.fields) if first.fields else "any direction"
    what = f"{first.standard_errors:g} standard errors on a distance of {first.effect:.2e} ({between})"
    rows = []
    for advice in found:
        if advice.trajectories is None or advice.trajectories_interval is None:
            continue
        few, many = (_count(n) for n in advice.trajectories_interval)
        cells = (str(advice.trajectories_per_unit), number(advice.std or 0.0, 2))
        needed = (_count(advice.trajectories), f"{few} to {many}", f"{advice.seconds:.2g}")
        rows.append((advice.design, *cells, *needed))
    columns = ("design", "unit", "std. of a unit", "trajectories", "95% interval", "seconds")
    show(console, Table(f"Trajectories for {what}, by small pilots", columns, rows, 5))
    say(console, *(f"{advice.design}: {advice.reason}." for advice in found if advice.reason))
    say(console, *(f"Cheapest here: {advice.design}." for advice in found if advice.cheapest))


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
    say(console, *lines)


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

    rows = []
    for kind, arguments in listed.items():
        summary = (inspect.getdoc(PROBLEMS[kind]) or "").split("\n")[0]
        keys = [
            name if default is inspect.Parameter.empty else f"{name} = {default!r}"
            for name, default in arguments.items()
        ]
        rows.append((kind, summary, ", ".join(keys)))
    rows.append(("custom", "Your own: a function in a Python file.", "source, function = 'problem', ..."))
    console = Console(highlight=False)
    show(console, Table("", ("kind", "loss", "keys of the section"), rows))
    say(
        console,
        "Any of them: data = a file with arrays by these names, gradient_penalty = 0.0 (not for custom).",
    )
