"""The commands about an experiment that write nothing: exact answers, advice, minima, terms."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from mcsgd.cli.commands import AsJson, ExperimentFile, Workers, app
from mcsgd.cli.errors import reported


@app.command()
@reported
def exact(
    experiment: ExperimentFile,
    max_steps: Annotated[float, typer.Option(help="Refuse what takes more gradient steps.")] = 1e8,
    as_json: AsJson = False,
) -> None:
    """Print the mean endpoint over all orders, without Monte Carlo, where that is feasible."""
    from mcsgd.cli import tables
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
        typer.echo(json.dumps(tables.exact_contents(answer, flows), indent=2))
    else:
        tables.show_exact(answer, flows)


@app.command()
@reported
def advise(
    experiment: ExperimentFile,
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
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Say how many trajectories each design needs to tell two flows apart, from small pilot runs."""
    from mcsgd.advisor.advice import advise
    from mcsgd.cli import tables
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
        tables.show_advice(found)


@app.command()
@reported
def minima(
    experiment: ExperimentFile,
    as_json: AsJson = False,
) -> None:
    """Print the minima of C and of the modified losses, and the cloud around each, at this step size."""
    from mcsgd.cli import theory_tables
    from mcsgd.errors import InputError
    from mcsgd.experiment import PLACES, Experiment
    from mcsgd.theory import default_fields
    from mcsgd.theory.stationary import minima as find_minima

    given = Experiment.read(experiment)
    problem, settings = given.problem, given.settings
    fields = [field for field in default_fields(problem, settings) if field != "second-order"]
    try:
        found = find_minima(problem, given.start, settings, fields)
        about = theory_tables.minima_contents(problem, settings, found)
    except InputError as error:
        raise error.located(PLACES | {"guess": "start", "point": "start"}) from None
    if as_json:
        typer.echo(json.dumps(about, indent=2))
    else:
        theory_tables.show_minima(about)


@app.command()
@reported
def decompose(
    experiment: ExperimentFile,
    field: Annotated[
        str | None, typer.Option(help="Of the flow to go along.", show_default="the sampling's own")
    ] = None,
    points: Annotated[int, typer.Option(help="Times along the flow.")] = 11,
    as_json: AsJson = False,
) -> None:
    """Print what the modified loss consists of, along a flow: C, its gradient's square, the variance."""
    from mcsgd.checks import Checks
    from mcsgd.cli import theory_tables
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
        parts = decompose_flow(given.problem, theory_tables.thinned(flow, points), given.settings)
    except InputError as error:
        raise error.located(PLACES) from None
    if as_json:
        typer.echo(json.dumps(theory_tables.decomposition_contents(parts, flow), indent=2))
    else:
        theory_tables.show_decomposition(parts, flow)


def _effect(text: str) -> float | list[str]:
    """Return the number, or the names, that a text holds."""
    try:
        return float(text)
    except ValueError:
        return [name.strip() for name in text.split(",")]
