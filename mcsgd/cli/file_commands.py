"""The commands that make files of files, or look into them: merge, verify, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcsgd.cli.commands import AnyFile, RunFile, app
from mcsgd.cli.errors import FAILED, reported


@app.command()
@reported
def export(
    path: RunFile,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.npz|OUT.nc", help="A new file; its ending decides.")
    ],
) -> None:
    """Write a run for other programs: NumPy arrays (.npz), or netCDF that ArviZ reads (.nc)."""
    from mcsgd.storage.export import check_export, export_run
    from mcsgd.storage.read import load_run

    check_export(output)
    export_run(load_run(path), output)
    typer.echo(f"Written to {output}")


@app.command()
@reported
def merge(
    output: Annotated[Path, typer.Argument(metavar="OUT.h5", help="The run's file.")],
    parts: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PART]...", help="Files of the run, shards, or directories of shards."),
    ] = None,
    tasks: Annotated[int | None, typer.Option(help="Name those of so many tasks that are not done.")] = None,
) -> None:
    """Make one file of the parts of a run: of OUT.h5.parts, and of others."""
    from mcsgd.storage.merge import merge

    before = output.stat().st_mtime_ns if output.exists() else None
    run = merge(output, parts or (), tasks)
    said = "Nothing to merge in" if output.stat().st_mtime_ns == before else "Written to"
    typer.echo(f"{said} {output}: {run.cloud.count} trajectories")


@app.command()
@reported
def verify(path: AnyFile) -> None:
    """Read every byte of a run's or a study's file, and compute its statistics again; 1 if it is damaged."""
    from mcsgd.storage.verify import verify

    found = verify(path)
    typer.echo(str(found))
    if not found.passed:
        raise typer.Exit(FAILED)
