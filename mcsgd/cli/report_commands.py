"""The commands that show a run, or a study, to people: plot, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mcsgd.cli.commands import AnyFile, Confidence, app
from mcsgd.cli.errors import reported


@app.command()
@reported
def plot(
    path: AnyFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="PICTURE", help="A .png, .pdf or .svg.", show_default="FILE.png"
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Of a run cloud, coordinates, covariance, path; of a study order.",
            show_default="cloud, or order",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a picture that is there.")] = False,
) -> None:
    """Draw a run: the cloud of endpoints, its mean, the flows and paths; or another kind of picture.

    coordinates: how many standard errors each is from each flow.

    covariance: of the endpoints, beside the predicted one.

    path: the distance of the mean to each flow, by epoch, from snapshots.

    order: of a study, the distance to each flow against the step size, say, on logarithmic axes.
    """
    from mcsgd.checks import Checks
    from mcsgd.plots import PICTURES, STUDY_PICTURES, check_picture, save_picture
    from mcsgd.storage import load
    from mcsgd.studies.study import Study

    checks = Checks()
    if kind is not None:
        checks.choice("kind", kind, {**PICTURES, **STUDY_PICTURES})
        checks.done()
    found = load(path)
    kinds: dict[str, Any] = STUDY_PICTURES if isinstance(found, Study) else PICTURES
    usual = next(iter(kinds))
    chosen = kind or usual
    if chosen not in kinds:
        what = "a study" if isinstance(found, Study) else "a run"
        checks.fail("kind", f"must be {' or '.join(kinds)} for {what}, got {chosen!r}")
    checks.done()
    name = path.with_suffix(".png") if chosen == usual else path.with_name(f"{path.stem}-{chosen}.png")
    target = check_picture(output or name, replace=force, source=path)
    save_picture(kinds[chosen](found), target)
    typer.echo(f"Drawn to {target}")


@app.command()
@reported
def report(
    path: AnyFile,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PAGE.html", help="The page.", show_default="FILE.html"),
    ] = None,
    confidence: Confidence = 0.95,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
) -> None:
    """Write a page about a run or a study, with figures: one file, to be opened in any browser or printed."""
    from mcsgd.reports import report

    target = report(path, output or path.with_suffix(".html"), confidence, replace=force)
    typer.echo(f"Written to {target}")
