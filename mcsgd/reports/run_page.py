"""The page of a run."""

from __future__ import annotations

from typing import Any

import mcsgd
from mcsgd.comparison import FLOW_ACCURACY, distance_table
from mcsgd.compatibility import mismatch
from mcsgd.display import Table, counted
from mcsgd.errors import DivergedError, InputError
from mcsgd.findings import find
from mcsgd.reports.blocks import Code, Page, Section, Text
from mcsgd.reports.run_figures import figures_of
from mcsgd.rerun import experiment_text, settings_text
from mcsgd.run import Run, provenance_table, settings_table
from mcsgd.schemes import SAMPLINGS

__all__ = ["run_page"]

FLOWS = {
    "gradient": "gradient flow on C, the mean of the batch losses",
    "gd": "what gradient descent on C follows to first order in the step size",
    "sgd": "what the mean of SGD with this sampling follows to first order in the step size",
    "second-order": "the same to second order",
}


def run_page(run: Run, name: str | None = None, confidence: float = 0.95) -> Page:
    """Return the page of a run.

    Parameters
    ----------
    run : Run
    name : str, optional
        Of its file.
    confidence : float

    Raises
    ------
    InputError
        If `confidence` is out of range.
    """
    cloud, experiment = run.cloud, run.experiment
    about = [
        name or "",
        experiment.get("problem", {}).get("kind", ""),
        counted(cloud.start.size, "parameter"),
        cloud.settings.sampling,
        counted(cloud.count, "trajectory"),
    ]
    sections = [
        Section("Answer", (Text(_question(run)), *_answer(run, confidence))),
        *([_diverged(run)] if cloud.diverged else []),
        Section("Figures", figures_of(run, confidence)),
        Section("Settings", (settings_table(run),)),
        Section("How to run it again", _again(run, name or "run.h5")),
        Section("Provenance", (provenance_table(run),)),
    ]
    who = "SGD" if cloud.deterministic else "the mean of SGD"
    return Page(
        title=f"Which gradient flow does {who} follow?",
        about=", ".join(part for part in about if part),
        sections=tuple(sections),
        footer=f"Written by mcsgd {mcsgd.__version__}.",
    )


def _question(run: Run) -> str:
    cloud, settings = run.cloud, run.cloud.settings
    epochs, batches = counted(settings.epochs, "epoch"), counted(cloud.batches, "batch")
    mean = "" if cloud.deterministic else " on average"
    return (
        f"SGD goes from one start with step size {settings.step_size:g} through {epochs} of {batches}: "
        f"{SAMPLINGS[settings.sampling].summary}. Where does it end{mean}, and which gradient flow ends "
        f"there after the same time, {cloud.flow_time:g}?"
    )


def _answer(run: Run, confidence: float) -> list[Any]:
    """Return the verdict in words and numbers, and how to read it."""
    try:
        found = find(run, confidence)
    except DivergedError as error:
        return [Text(f"There is no answer: {error}.", leading=True)]
    blocks: list[Any] = [Text(str(found.verdict), leading=True)]
    if found.widths is not None:
        blocks.append(Text(str(found.widths)))
    if not run.flows:
        return blocks
    flows = [(field, FLOWS.get(field, "a field of one's own")) for field in run.flows]
    reading = (
        "A flow is excluded if chance alone would take the mean as far from it with a probability p of less "
        f"than {100 * (1 - confidence):.3g}%. Else it is compatible in distance, whose interval then begins "
        "at 0. The standard error is that along the difference."
    )
    if found.cloud.deterministic:
        reading = "Nothing is random here: the standard error is that of the integrated flow."
    reading += f" Flows are integrated to a relative error of {FLOW_ACCURACY:g}."
    notes = [mismatch(field, run.cloud.settings) for field in run.flows]
    notes = [f"{note[0].upper()}{note[1:]}." for note in notes if note]
    return [
        *blocks,
        distance_table(found.verdict.comparisons),
        Table("The flows", (), tuple(flows)),
        *map(Text, [reading, *notes]),
    ]


def _diverged(run: Run) -> Section:
    cloud, finished = run.cloud, run.cloud.finished()
    left_out = f"{finished.left_out}"
    if cloud.unit_name != "trajectory":
        left_out += f", with all others of their {cloud.unit_name}s"
    rows = (
        ("trajectories", str(cloud.count)),
        ("diverged", str(cloud.diverged)),
        ("left out", left_out),
        ("in the statistics", str(finished.count)),
    )
    text = (
        "A trajectory has diverged if it grew beyond 1e60. The mean over all orders does then not exist: all "
        "that is said here is conditional on finishing. With a smaller step size fewer diverge, or none."
    )
    return Section("Diverged trajectories", (Table("Diverged trajectories", (), rows), Text(text)))


def _again(run: Run, name: str) -> tuple[Any, ...]:
    """Return the experiment file and the commands; or, if it was run from Python, the call."""
    try:
        experiment = experiment_text(run)
    except InputError:
        start = f'mcsgd.load("{name}").cloud.start'
        lines = [settings_text(run.cloud.settings), f"cloud = mcsgd.simulate(problem, {start}, settings)"]
        text = "It was run from Python, and the problem's arrays are not in its file; start and settings are."
        return Text(text), Code("The call, for the same problem", "\n".join(lines))
    keep = "" if run.cloud.origin.kept == "cloud" else " --no-cloud"
    commands = [
        f"mcsgd info {name} --toml > experiment.toml",
        f"mcsgd run experiment.toml -o again.h5{keep}",
        "mcsgd report again.h5 -o again.html",
    ]
    text = "The same fingerprint then says that every trajectory is the same."
    given = [key for key in ("data", "source") if key in run.experiment["problem"]]
    if given:
        text = f"Paths, here of {' and '.join(given)}, are relative to the experiment file. {text}"
    return Text(text), Code("Commands", "\n".join(commands)), Code("experiment.toml", experiment)
