"""The commands about a run's file that make another of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcsgd.cli.commands import RunFile, app
from mcsgd.cli.errors import reported


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
    from mcsgd.storage.read import load

    check_export(output)
    export_run(load(path), output)
    typer.echo(f"Written to {output}")
