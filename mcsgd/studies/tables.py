"""What is said of a study in tables: orders, rungs, points, and what was studied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsgd.display import Table, counted, number, pairs
from mcsgd.ladders.gaps import Gap
from mcsgd.ladders.result import Ladder, range_text
from mcsgd.settings import Settings

if TYPE_CHECKING:
    from mcsgd.studies.study import Study

__all__ = ["about_means", "orders_table", "points_table", "studied_table"]


def orders_table(ladders: Sequence[Ladder]) -> Table:
    """Return the fitted order of each field on each ladder, and why there is none."""
    first = ladders[0]
    others = tuple(first.where)
    columns = (*others, "flow", "order", f"{100 * first.confidence:g}% interval", "rungs in the fit")
    rows, notes = [], []
    for ladder in ladders:
        at = tuple(map(_value, ladder.where.values()))
        rows += [(*at, one.field, one.order_text, one.interval_text, one.rungs_text) for one in ladder.fields]
        where = f"{', '.join(at)}, " if at else ""
        notes += [f"{where}{one}" for one in ladder.fields if one.message]
    caption = f"Orders in the {first.size_name} of the distance to each flow"
    return Table(caption, columns, rows, len(columns) - 1, notes)


def points_table(study: Study) -> Table:
    """Return a line for each point: the distance of the mean endpoint to each flow's."""
    columns = (*(axis.name for axis in study.axes), "m eps λ", *study.fields)
    rows = [
        (
            *map(_value, point.at.values()),
            range_text(point.range_number),
            *(_distance(point.gaps.get(name)) for name in study.fields),
        )
        for point in study.points
    ]
    return Table("Distance of the mean endpoint to each flow", columns, rows, len(columns) - 1)


def about_means(study: Study) -> str:
    """Say how the means of the points were had."""
    counts = study.count
    exact = int(np.sum(counts == 0))
    if exact == counts.size:
        return "all means are exact"
    few, many = counts[counts > 0].min(), counts.max()
    over = f"over {few if few == many else f'{few} to {many}'} trajectories each"
    return f"{exact} of {counts.size} means are exact, the others {over}" if exact else f"means are {over}"


def studied_table(study: Study) -> Table:
    """Return what was studied: the experiment, without settings that have their default, and what varies."""
    known = {name: table for name, table in study.experiment.items() if name not in ("study", "flow")}
    if known:
        known |= Settings.from_tables(study.experiment).as_tables(defaults=False)
    rows = [
        *((name, pairs(table)) for name, table in known.items()),
        *((axis.name, ", ".join(map(_value, axis.values))) for axis in study.axes),
        *([("fixed", "epochs * m * eps")] if study.fixed_time else []),
        ("points", f"{len(study.points)}; {about_means(study)}"),
        *([("trajectories", f"{study.count.sum()} together")] if study.count.any() else []),
        ("size", counted(study.points[0].start.size, "parameter")),
        ("flows", ", ".join(study.fields)),
    ]
    return Table("Settings", (), rows)


def _value(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else f"{value:g}"


def _distance(gap: Gap | None) -> str:
    if gap is None or math.isnan(gap.distance):
        return "-"
    return f"{number(gap.distance, 3)} ± {number(gap.standard_error, 1)}"
