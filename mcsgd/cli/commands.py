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

app = typer.Typer(
    help="Monte Carlo trajectories of shuffled minibatch SGD, compared with its modified gradient flows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RunFile = Annotated[Path, typer.Argument(metavar="RUN.h5", help="A file written by mcsgd run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Confidence = Annotated[float, typer.Option(help="Of the intervals and the tests.")]


@app.command()
@reported
def run(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="RUN.h5", help="A new file.")],
    workers: Annotated[int | None, typer.Option(help="Threads.", show_default="all cores")] = None,
    confidence: Confidence = 0.95,
    no_cloud: Annotated[
        bool, typer.Option("--no-cloud", help="Keep mean and covariance only, in constant memory.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    as_json: AsJson = False,
) -> None:
    """Simulate an experiment, integrate its flows, keep both in a file, and print the verdict."""
    from mcsgd.comparison import check_confidence
    from mcsgd.experiment import Experiment
    from mcsgd.storage.output import check_output

    check_confidence(confidence)
    check_output(output, "output")
    result = Experiment.read(experiment).run(
        output, workers=workers, progress=not quiet, keep_cloud=not no_cloud
    )
    if not as_json:
        typer.echo(f"Written to {output}")
    _print_verdict(result, confidence, as_json)


@app.command()
@reported
def warmup(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
) -> None:
    """Compile all that an experiment needs, so that the tasks of a job array start at once."""
    import time

    from mcsgd.experiment import Experiment

    begin = time.perf_counter()
    directory = Experiment.read(experiment).warm_up()
    typer.echo(f"Compiled in {time.perf_counter() - begin:.1f} s; kept in {directory}")


@app.command()
@reported
def compare(
    path: RunFile,
    confidence: Confidence = 0.95,
    coordinates: Annotated[bool, typer.Option("--coordinates", help="Print every coordinate.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a run's mean endpoint with its flows, again."""
    from mcsgd.storage.read import load

    _print_verdict(load(path), confidence, as_json, coordinates)


@app.command()
@reported
def exact(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
    max_steps: Annotated[float, typer.Option(help="Refuse what takes more gradient steps.")] = 1e8,
    as_json: AsJson = False,
) -> None:
    """Print the mean endpoint over all orders, without Monte Carlo, where that is feasible."""
    from mcsgd.cli import report
    from mcsgd.errors import InputError
    from mcsgd.exact import exact_mean
    from mcsgd.experiment import PLACES, Experiment
    from mcsgd.theory import integrate

    given = Experiment.read(experiment)
    problem, start, settings = given.problem, given.start, given.settings
    try:
        answer = exact_mean(problem, start, settings, max_steps)
    except InputError as error:
        raise error.located(PLACES) from None
    flows = [integrate(problem, start, settings, field) for field in given.fields]
    if as_json:
        typer.echo(json.dumps(report.exact_contents(answer, flows), indent=2))
    else:
        report.show_exact(answer, flows)


@app.command()
@reported
def advise(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
    resolve: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD,FIELD | DISTANCE",
            help="The flows to tell apart.",
            show_default="gradient and the sampling's own",
        ),
    ] = None,
    standard_errors: Annotated[float, typer.Option(help="That the effect is to have.")] = 5.0,
    pilot: Annotated[int, typer.Option(help="Trajectories that each design is tried with.")] = 1000,
    workers: Annotated[int | None, typer.Option(help="Threads.", show_default="all cores")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how many trajectories each design needs to tell two flows apart, from small pilot runs."""
    from mcsgd.advisor.advice import advise
    from mcsgd.cli import report
    from mcsgd.errors import InputError
    from mcsgd.experiment import PLACES, Experiment

    given = Experiment.read(experiment)
    effect = None if resolve is None else _effect(resolve)
    try:
        found = advise(given.problem, given.start, given.settings, effect, standard_errors, pilot, workers)
    except InputError as error:
        raise error.located({**PLACES, "effect": "resolve"}) from None
    if as_json:
        typer.echo(json.dumps([advice.as_dict() for advice in found], indent=2))
    else:
        report.show_advice(found)


@app.command()
@reported
def minima(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
    as_json: AsJson = False,
) -> None:
    """Print the minima of C and of the modified losses, and the cloud around each, at this step size."""
    from mcsgd.cli import theory_report
    from mcsgd.errors import InputError
    from mcsgd.experiment import PLACES, Experiment
    from mcsgd.theory import default_fields
    from mcsgd.theory.stationary import minima as find_minima

    given = Experiment.read(experiment)
    problem, settings = given.problem, given.settings
    fields = [field for field in default_fields(problem, settings) if field != "second-order"]
    try:
        found = find_minima(problem, given.start, settings, fields)
        about = theory_report.minima_contents(problem, settings, found)
    except InputError as error:
        raise error.located(PLACES | {"guess": "start", "point": "start"}) from None
    if as_json:
        typer.echo(json.dumps(about, indent=2))
    else:
        theory_report.show_minima(about)


@app.command()
@reported
def decompose(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
    field: Annotated[
        str | None, typer.Option(help="Of the flow to go along.", show_default="the sampling's own")
    ] = None,
    points: Annotated[int, typer.Option(help="Times along the flow.")] = 11,
    as_json: AsJson = False,
) -> None:
    """Print what the modified loss consists of, along a flow: C, its gradient's square, the variance."""
    from mcsgd.checks import Checks
    from mcsgd.cli import theory_report
    from mcsgd.errors import InputError
    from mcsgd.experiment import PLACES, Experiment
    from mcsgd.schemes import SAMPLINGS
    from mcsgd.theory import integrate
    from mcsgd.theory.decomposition import check_decomposable
    from mcsgd.theory.decomposition import decompose as decompose_flow

    checks = Checks()
    checks.integer("points", points, at_least=2)
    checks.done()
    given = Experiment.read(experiment)
    try:
        check_decomposable(given.problem, given.settings)
        own = SAMPLINGS[given.settings.sampling].field
        flow = integrate(given.problem, given.start, given.settings, field or own)
        parts = decompose_flow(given.problem, theory_report.thinned(flow, points), given.settings)
    except InputError as error:
        raise error.located(PLACES) from None
    if as_json:
        typer.echo(json.dumps(theory_report.decomposition_contents(parts, flow), indent=2))
    else:
        theory_report.show_decomposition(parts, flow)


@app.command()
@reported
def study(
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file with a [study] section.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PICTURE", help="A .png, .pdf or .svg to draw.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Threads.", show_default="all cores")] = None,
    confidence: Confidence = 0.95,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how the distance to each flow falls over a ladder of step sizes, say: local slopes, orders."""
    from mcsgd.cli import report
    from mcsgd.errors import InputError
    from mcsgd.experiment import Experiment
    from mcsgd.ladders.ladder import study as measure
    from mcsgd.plots import check_picture, plot_orders, save_picture

    target = None if output is None else check_picture(output)
    given = Experiment.read(experiment)
    if not given.study:
        raise InputError([("study", "is needed: a section with values, or rungs")])
    run = {"confidence": confidence, "workers": workers, "progress": not quiet}
    found = measure(given.problem, given.start, given.settings, fields=given.fields, **{**given.study, **run})
    if target is not None:
        save_picture(plot_orders(found), target)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        report.show_study(found)


@app.command()
@reported
def info(path: RunFile, as_json: AsJson = False) -> None:
    """Say what is in a run's file."""
    from mcsgd.cli import report
    from mcsgd.storage.read import load

    contents = report.contents(load(path))
    if as_json:
        typer.echo(json.dumps(contents, indent=2))
    else:
        report.show_contents(path, contents)


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
    force: Annotated[bool, typer.Option("--force", help="Replace a picture that is there.")] = False,
) -> None:
    """Draw the paths, the cloud of endpoints, its mean and the flows."""
    from mcsgd.errors import InputError
    from mcsgd.plots import check_picture, save_cloud_picture
    from mcsgd.storage.read import load

    target = check_picture(output or path.with_suffix(".png"), replace=force)
    if target.exists() and path.exists() and target.samefile(path):
        raise InputError([("output", f"must not be the run itself, got {target}")])
    save_cloud_picture(load(path), target)
    typer.echo(f"Drawn to {target}")


@app.command()
@reported
def problems(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Print all about this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the problems that an experiment file can name."""
    from mcsgd.checks import Checks, arguments_of
    from mcsgd.cli import report
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
        report.show_problems(listed)


def _effect(text: str) -> float | list[str]:
    """Return the number, or the names, that a text holds."""
    try:
        return float(text)
    except ValueError:
        return [name.strip() for name in text.split(",")]


def _print_verdict(run: Run, confidence: float, as_json: bool, coordinates: bool = False) -> None:
    """Print the verdict; of those trajectories that finished, if some diverged, and then it says so."""
    from mcsgd.cli import report
    from mcsgd.covariance_comparison import compare_covariance
    from mcsgd.verdict import judge

    cloud = run.cloud.finished() if run.cloud.diverged else run.cloud
    verdict = judge(cloud, run.flows.values(), confidence)
    predicted, widths = run.predicted_covariance, None
    if predicted is not None and cloud.count > 1:
        widths = compare_covariance(cloud, predicted)
    if as_json:
        both = verdict.as_dict() | {"covariance": widths.as_dict() if widths else None}
        typer.echo(json.dumps(both, indent=2))
    else:
        report.show_verdict(verdict, widths, coordinates)
