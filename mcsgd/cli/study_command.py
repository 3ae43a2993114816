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
    Task,
    TimeLimit,
    Workers,
    app,
    print_study,
    print_task,
)
from mcsgd.cli.errors import reported


@app.command()
@reported
def study(
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file that has a study section.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="STUDY.h5", help="The study's file, new or begun before."),
    ] = None,
    workers: Workers = None,
    confidence: Confidence = 0.95,
    time_limit: TimeLimit = None,
    task: Task = None,
    tasks: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only put together what N tasks have done; name those that have not."),
    ] = None,
    engine: Engine = "local",
    scheduler: Scheduler = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure the distance to each flow at every point of a grid of settings: local slopes, orders.

    With an output, it can be called again, and does what is missing: nothing, more points, more trajectories,
    or what was left when it was interrupted, or by tasks. Without one, nothing is kept.
    """
    from mcsgd.cli.options import parse_task, study_rules
    from mcsgd.comparable import check_confidence
    from mcsgd.engines import executor_of
    from mcsgd.experiment import Experiment
    from mcsgd.storage.output import check_run_output

    check_confidence(confidence)
    share = parse_task(task, engine)
    rules = study_rules(time_limit, engine, share, tasks, output)
    target = None if output is None else check_run_output(output, "output")
    known = target.stat() if target is not None and target.exists() else None
    given, progress = Experiment.read(experiment), not quiet
    if share is not None and output is not None:
        given.study_task(output, share, workers, progress, rules)
        print_task(task, f"mcsgd study {experiment} -o {output}", as_json)
        return
    with executor_of(engine, scheduler, workers) as executor:
        threads = workers if engine == "local" else None
        found = given.study(output, threads, progress, rules, executor, tasks)
    if target is not None and not as_json:
        same = known is not None and known.st_mtime_ns == target.stat().st_mtime_ns
        typer.echo(f"{output} has all of this already" if same else f"Written to {output}")
    print_study(found, confidence, as_json)
