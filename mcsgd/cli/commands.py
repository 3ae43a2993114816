"""The commands. Each imports what it needs when it runs: `mcsgd --help` loads no numba, no scipy."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcsgd.cli.errors import reported

if TYPE_CHECKING:
    from mcsgd.run import Run
    from mcsgd.studies.study import Study

app = typer.Typer(
    help="Monte Carlo trajectories of shuffled minibatch SGD, compared with its modified gradient flows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RunFile = Annotated[Path, typer.Argument(metavar="RUN.h5", help="A file written by mcsgd run.")]
AnyFile = Annotated[Path, typer.Argument(metavar="FILE.h5", help="A file written by mcsgd run, or study.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Confidence = Annotated[float, typer.Option(help="Of the intervals and the tests.")]
ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")]
Workers = Annotated[int | None, typer.Option(help="Threads.", show_default="all cores")]
TimeLimit = Annotated[
    float | None, typer.Option(metavar="MINUTES", help="End after so long; again, to go on.")
]
Task = Annotated[
    str | None, typer.Option(metavar="K/N", help="Do share K = 0..N-1 of N, to be put together later.")
]
Engine = Annotated[str, typer.Option(help="What makes the trajectories: local, dask, mpi.")]
Scheduler = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Of Dask.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@app.command()
@reported
def run(
    experiment: ExperimentFile,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="RUN.h5", help="The run's file, new or begun before.")
    ],
    workers: Workers = None,
    confidence: Confidence = 0.95,
    no_cloud: Annotated[
        bool, typer.Option("--no-cloud", help="Keep mean and covariance only, in constant memory.")
    ] = False,
    standard_error: Annotated[
        float | None, typer.Option(help="End when no parameter's mean has a larger one.")
    ] = None,
    time_limit: TimeLimit = None,
    task: Task = None,
    engine: Engine = "local",
    scheduler: Scheduler = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate an experiment, integrate its flows, keep both in a file, and print the verdict.

    Again, it does what is missing: nothing, or more trajectories, or what was left when it was interrupted.
    """
    from mcsgd.cli.options import parse_task, stop_rules
    from mcsgd.comparable import check_confidence
    from mcsgd.engines import executor_of
    from mcsgd.experiment import Experiment
    from mcsgd.storage.output import check_run_output

    check_confidence(confidence)
    share, rules = parse_task(task, engine), stop_rules(standard_error, time_limit)
    before = check_run_output(output, "output")
    known = before.stat() if before.exists() else None
    given, progress, keep = Experiment.read(experiment), not quiet, not no_cloud
    if share is not None:
        given.run_task(output, share, workers, progress, keep, rules)
        print_task(task, f"mcsgd merge {output}", as_json)
        return
    with executor_of(engine, scheduler, workers) as executor:
        result = given.run(output, workers if engine == "local" else None, progress, keep, rules, executor)
    if not as_json:
        same = known is not None and known.st_mtime_ns == before.stat().st_mtime_ns
        typer.echo(f"{output} has all of this already" if same else f"Written to {output}")
        if result.stopped_by != "count":
            typer.echo(f"Ended by {result.stopped_by}, with {result.cloud.count} trajectories")
    _print_verdict(result, confidence, as_json)


@app.command()
@reported
def warmup(
    experiment: ExperimentFile,
) -> None:
    """Compile all that an experiment and its study need, so that the tasks of a job array start at once."""
    import time

    from mcsgd.display import counted
    from mcsgd.experiment import Experiment

    begin = time.perf_counter()
    made = Experiment.read(experiment).warm_up()
    said = f"Compiled {counted(made.functions, 'function')} in {time.perf_counter() - begin:.1f} s"
    study = f", for a run and {counted(made.points, 'kind')} of points" if made.points else ""
    typer.echo(f"{said}{study}; kept in {made.directory}")


@app.command()
@reported
def compare(
    path: AnyFile,
    confidence: Confidence = 0.95,
    coordinates: Annotated[bool, typer.Option("--coordinates", help="Print every coordinate.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a run's mean endpoint with its flows, again; of a study, all of them."""
    from mcsgd.comparable import check_confidence
    from mcsgd.storage import load
    from mcsgd.studies.study import Study

    check_confidence(confidence)
    found = load(path)
    if isinstance(found, Study):
        print_study(found, confidence, as_json)
    else:
        _print_verdict(found, confidence, as_json, coordinates)


@app.command()
@reported
def info(
    path: AnyFile,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print its experiment file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is in a run's file, or a study's."""
    from mcsgd.cli import tables
    from mcsgd.rerun import experiment_text
    from mcsgd.storage import load

    found = load(path)
    if as_toml:
        typer.echo(experiment_text(found), nl=False)
    elif as_json:
        typer.echo(json.dumps(tables.contents(found), indent=2))
    else:
        tables.show_contents(path, found)


@app.command()
@reported
def problems(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Print all about this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the problems that an experiment file can name."""
    from mcsgd.checks import Checks, arguments_of
    from mcsgd.cli import tables
    from mcsgd.problems import PROBLEMS, Custom

    if kind is not None:
        checks = Checks()
        known = {**PROBLEMS, Custom.kind: Custom}
        checks.choice("kind", kind, known)
        checks.done()
        typer.echo(inspect.getdoc(known[kind]))
        return
    listed = {name: arguments_of(problem) for name, problem in PROBLEMS.items()}
    if as_json:
        typer.echo(json.dumps({name: list(arguments) for name, arguments in listed.items()}, indent=2))
    else:
        tables.show_problems(listed)


def print_task(task: str | None, command: str, as_json: bool) -> None:
    """Say that a task is done, and what makes the file."""
    said = f"Task {task} is done; {command} makes the file when all are"
    typer.echo(json.dumps({"task": task, "done": True}) if as_json else said)


def print_study(study: Study, confidence: float, as_json: bool) -> None:
    """Print a study, as JSON or in tables."""
    from mcsgd.cli import tables

    if as_json:
        typer.echo(json.dumps(study.as_dict(confidence), indent=2))
    else:
        tables.show_study(study, confidence)


def _print_verdict(run: Run, confidence: float, as_json: bool, coordinates: bool = False) -> None:
    from mcsgd.cli import tables
    from mcsgd.findings import find

    found = find(run, confidence)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        tables.show_findings(found, coordinates)
