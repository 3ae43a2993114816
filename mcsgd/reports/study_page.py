"""The page of a study."""

from __future__ import annotations

from functools import partial
from typing import Any

import mcsgd
from mcsgd.display import Table, counted
from mcsgd.errors import InputError
from mcsgd.ladders.result import Ladder
from mcsgd.plots.ladders import MOST_PANELS, draw_orders
from mcsgd.reports.blocks import Code, Figure, Figures, Page, Section, Text
from mcsgd.reports.figures import draw_figure
from mcsgd.rerun import experiment_text, settings_text
from mcsgd.run import provenance_rows
from mcsgd.settings import Settings
from mcsgd.studies.axes import START, where_text
from mcsgd.studies.study import Study
from mcsgd.studies.tables import about_means, orders_table, points_table, studied_table

__all__ = ["study_page"]


def study_page(study: Study, name: str | None = None, confidence: float = 0.95) -> Page:
    """Return the page of a study.

    Parameters
    ----------
    study : Study
    name : str, optional
        Of its file.
    confidence : float
        Of the orders' intervals.

    Raises
    ------
    InputError
        If `confidence` is out of range.
    """
    ladders = study.ladders(confidence)
    about = [
        name or "",
        study.experiment.get("problem", {}).get("kind", ""),
        counted(study.points[0].start.size, "parameter"),
        counted(len(study.points), "point"),
    ]
    varied = [axis.name.replace("_", " ") for axis in study.axes]
    return Page(
        title=f"How does the distance of SGD's mean to each gradient flow depend on {_all(varied)}?",
        about=", ".join(part for part in about if part),
        sections=(
            Section("Answer", _answer(study, ladders, confidence)),
            Section("Figures", _figures(ladders)),
            Section("Distances", tuple(ladders[0].tables() if len(ladders) == 1 else [points_table(study)])),
            Section("Settings", (studied_table(study),)),
            Section("How to run it again", _again(study, name or "study.h5")),
            Section("Provenance", (Table("Provenance", (), provenance_rows(study.provenance)),)),
        ),
        footer=f"Written by mcsgd {mcsgd.__version__}.",
    )


def _all(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _answer(study: Study, ladders: list[Ladder], confidence: float) -> tuple[Any, ...]:
    means = Text(f"{about_means(study).capitalize()}.")
    said = [Text(f"Warning: {text}.") for text in study.warnings]
    if not ladders:
        return Text("What varies has no size, so there are no orders: see the distances."), means, *said
    size = ladders[0].size_name
    reading = (
        f"A distance of order p falls as the p-th power of the {size}. The {100 * confidence:g}% interval "
        "holds noise, and what higher powers may bend. Rungs below the noise or beyond the asymptotic range "
        "are left out of the fit; where local slopes have not settled there is no order."
    )
    return orders_table(ladders), means, Text(reading), *said


def _figures(ladders: list[Ladder]) -> tuple[Any, ...]:
    figures: list[Figure] = []
    for i, ladder in enumerate(ladders[:MOST_PANELS]):
        title = "Distance to each flow" + (f", at {where_text(ladder.where)}" if ladder.where else "")
        caption = (
            "Bars are two standard errors. Lines join the rungs in the fit, with their local slopes; "
            "hollow marks are upper limits of others."
        )
        draw = partial(draw_orders, ladder=ladder)
        figures.append(draw_figure(title, caption, draw, f"figure-{i}"))
    if not figures:
        return (Text("Nothing is drawn: what varies has no size."),)
    left = len(ladders) - len(figures)
    notes = [Text(f"{left} more are not drawn.")] if left else []
    return Figures(tuple(figures)), *notes


def _again(study: Study, name: str) -> tuple[Any, ...]:
    """Return the experiment file and the commands; or, if it was measured from Python, the call."""
    try:
        experiment = experiment_text(study)
    except InputError:
        return _call(study)
    commands = [
        f"mcsgd info {name} --toml > experiment.toml",
        "mcsgd study experiment.toml -o again.h5",
        "mcsgd report again.h5 -o again.html",
    ]
    text = "Every mean is then the same."
    given = [key for key in ("data", "source") if key in study.experiment["problem"]]
    if given:
        text = f"Paths, here of {' and '.join(given)}, are relative to the experiment file. {text}"
    return Text(text), Code("Commands", "\n".join(commands)), Code("experiment.toml", experiment)


def _call(study: Study) -> tuple[Any, ...]:
    vary = {axis.name: list(axis.values) for axis in study.axes if axis.name not in START}
    fixed = ", fixed_time=True" if study.fixed_time else ""
    lines = [f"study = mcsgd.study(problem, start, settings, {vary}{fixed})"]
    if study.experiment:
        lines.insert(0, settings_text(Settings.from_tables(study.experiment)))
    text = "It was measured from Python, and the problem's arrays are not in its file; its settings are."
    return Text(text), Code("The call, for the same problem and start", "\n".join(lines))
