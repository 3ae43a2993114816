"""The commands that show a run to people: plot, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcsgd.cli.commands import Confidence, RunFile, app
from mcsgd.cli.errors import reported


@app.command()
@reported
def plot(
    path: RunFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="PICTURE", help="A .png, .pdf or .svg.", show_default="RUN.png"
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="cloud, coordinates, covariance, path.")] = "cloud",
    force: Annotated[bool, typer.Option("--force", help="Replace a picture that is there.")] = False,
) -> None:
    """Draw a run: the cloud of endpoints, its mean, the flows and paths; or another kind of picture.

    coordinates: how many standard errors each is from each flow. covariance: of the endpoints, beside the
    predicted one. path: the distance of the mean to each flow, by epoch, from snapshots.
    """
    from mcsgd.checks import Checks
    from mcsgd.plots import PICTURES, check_picture, save_picture
    from mcsgd.storage.read import load

    checks = Checks()
    checks.choice("kind", kind, PICTURES)
    checks.done()
    name = path.with_suffix(".png") if kind == "cloud" else path.with_name(f"{path.stem}-{kind}.png")
    target = check_picture(output or name, replace=force, source=path)
    save_picture(PICTURES[kind](load(path)), target)
    typer.echo(f"Drawn to {target}")


@app.command()
@reported
def report(
    path: RunFile,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PAGE.html", help="The page.", show_default="RUN.html"),
    ] = None,
    confidence: Confidence = 0.95,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
) -> None:
    """Write a page about a run, with its figures: one file, to be opened in any browser or printed."""
    from mcsgd.reports import report

    target = report(path, output or path.with_suffix(".html"), confidence, replace=force)
    typer.echo(f"Written to {target}")
