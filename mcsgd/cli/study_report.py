"""What the commands print of a study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from mcsgd.cli.report import number, pairs, table_of
from mcsgd.ladders.gaps import Gap
from mcsgd.ladders.result import FieldOrder, Ladder
from mcsgd.studies.axes import where_text
from mcsgd.studies.study import Study

__all__ = ["print_study", "show_study_contents", "study_contents"]


WIDE = 200
"""Columns where lines go to no terminal, which would break them."""


def print_study(study: Study, confidence: float, as_json: bool) -> None:
    """Print distances, slopes and orders: of one ladder, each rung; of a grid, each point and each ladder."""
    if as_json:
        typer.echo(json.dumps(study.as_dict(confidence), indent=2))
        return
    console, ladders = Console(highlight=False), study.ladders(confidence)
    if not console.is_terminal:
        console.width = WIDE
    if len(ladders) == 1:
        for one in ladders[0].fields:
            console.print(f"Distance of the mean endpoint to the {one.field} flow")
            console.print(_ladder(ladders[0], one))
    else:
        console.print("Distance of the mean endpoint to each flow")
        console.print(_points(study))
    lines = [_about(study, confidence)]
    for ladder in ladders:
        lines += [f"At {where_text(ladder.where)}:"] if ladder.where else []
        lines += str(ladder).splitlines()
    for line in lines:
        console.print(line, soft_wrap=not console.is_terminal)


def _about(study: Study, confidence: float) -> str:
    counts = study.count
    exact = int(np.sum(counts == 0))
    text = f"{exact} of {counts.size} means are exact"
    if exact < counts.size:
        few, many = counts[counts > 0].min(), counts.max()
        text += f", the others over {few if few == many else f'{few} to {many}'} trajectories each"
    if not study.ladder_axes:
        return text
    size = study.ladders()[0].size_name
    return f"Orders in the {size}, with {100 * confidence:g}% intervals; {text}"


def _ladder(ladder: Ladder, one: FieldOrder) -> Table:
    table = table_of(ladder.vary, "m eps λ", "distance", "±", "slope", "±", "left out", right=5)
    slopes, errors = [[math.nan, *values] for values in (one.slopes, one.slope_errors)]
    for index, value in enumerate(ladder.values):
        cells = [number(ladder.range_numbers[index], 2)]
        cells += [number(one.distance[index], 4), number(one.standard_error[index], 1)]
        cells += ["-" if math.isnan(slopes[index]) else f"{slopes[index]:.3f}"]
        cells += [number(errors[index], 1)]
        table.add_row(f"{value:g}", *cells, one.left_out[index])
    return table


def _points(study: Study) -> Table:
    table = table_of(*(axis.name for axis in study.axes), "m eps λ", *study.fields, right=99)
    for point in study.points:
        cells = [value if isinstance(value, str) else f"{value:g}" for value in point.at.values()]
        cells.append(number(point.range_number, 2))
        table.add_row(*cells, *(_distance(point.gaps.get(name)) for name in study.fields))
    return table


def _distance(gap: Gap | None) -> str:
    if gap is None or math.isnan(gap.distance):
        return "-"
    return f"{number(gap.distance, 3)} ± {number(gap.standard_error, 1)}"


def study_contents(study: Study) -> dict[str, Any]:
    """Return what is in a study's file, arrays aside, as plain JSON."""
    return {
        "experiment": dict(study.experiment),
        "axes": {axis.name: list(axis.values) for axis in study.axes},
        "points": len(study.points),
        "exact": int(np.sum(study.count == 0)),
        "trajectories": int(study.count.sum()),
        "fields": list(study.fields),
        "warnings": list(study.warnings),
        "provenance": dict(study.provenance),
    }


def show_study_contents(path: Path, about: Mapping[str, Any]) -> None:
    """Print what `study_contents` returns, in short."""
    console, table = Console(highlight=False), table_of("", "", header=False)
    for section, values in about["experiment"].items():
        if section != "study":
            table.add_row(f"[{section}]".replace("[", r"\["), pairs(values))
    for name, values in about["axes"].items():
        table.add_row(name, ", ".join(map(str, values)))
    exact, fields = f"{about['exact']} of them exact", " ".join(about["fields"])
    table.add_row("points", f"{about['points']}, {exact}; fields {fields}")
    table.add_row("trajectories", f"{about['trajectories']} together")
    resources, machine = about["provenance"]["resources"], about["provenance"]["environment"]
    table.add_row("written", f"{resources['end']} on {machine['host']}, after {resources['seconds']} s")
    table.add_row("software", pairs(about["provenance"]["software"]))
    console.print(str(path))
    console.print(table)
