"""The command that measures a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcsgd.cli.commands import (
    AsJson,
    Confidence,
    Engine,
    Quiet,
    Scheduler,
    TimeLimit,
    Workers,
    app,
    print_study,
)
from mcsgd.cli.errors import reported


@app.command()
@reported
def study(
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file with a [study] section.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="STUDY.h5", help="The study's file, new or begun before."),
    ] = None,
    workers: Workers = None,
    confidence: Confidence = 0.95,
    time_limit: TimeLimit = None,
    engine: Engine = "local",
    scheduler: Scheduler = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure the distance to each flow at every point of a grid of settings: local slopes, orders.

    With an output, it can be called again, and does what is missing: nothing, more points, more trajectories,
    or what was left when it was interrupted. Without one, nothing is kept.
    """
    from mcsgd.cli.options import study_rules
    from mcsgd.comparable import check_confidence
    from mcsgd.engines import executor_of
    from mcsgd.experiment import Experiment
    from mcsgd.storage.output import check_run_output

    check_confidence(confidence)
    rules = study_rules(time_limit, engine, output)
    target = None if output is None else check_run_output(output, "output")
    known = target.stat() if target is not None and target.exists() else None
    given = Experiment.read(experiment)
    with executor_of(engine, scheduler, workers) as executor:
        found = given.study(output, workers if engine == "local" else None, not quiet, rules, executor)
    if target is not None and not as_json:
        same = known is not None and known.st_mtime_ns == target.stat().st_mtime_ns
        typer.echo(f"{output} has all of this already" if same else f"Written to {output}")
    print_study(found, confidence, as_json)
