"""An experiment run: its trajectories, its flows, and the predicted covariance, in memory or in a file."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import cast

from mcsgd.checks import Checks
from mcsgd.ensemble import Ensemble
from mcsgd.errors import InputError, McsgdWarning
from mcsgd.experiment import PLACES, Experiment
from mcsgd.filling import Means, run_to_file
from mcsgd.ladders.ladder import USELESS
from mcsgd.machine import available_cores
from mcsgd.production import Simulation
from mcsgd.progress import Progress, shown
from mcsgd.run import Run
from mcsgd.simulation import check_kept, make_simulation
from mcsgd.stopping import StopRules
from mcsgd.storage.output import check_run_output
from mcsgd.storage.provenance import Clock, provenance
from mcsgd.theory import integrate
from mcsgd.theory.covariance import default_covariance
from mcsgd.theory.curvature import range_number

__all__ = ["run", "run_task"]


def run(
    experiment: Experiment,
    path: str | os.PathLike[str] | None,
    workers: int | None,
    progress: bool | Progress,
    keep_cloud: bool,
    stop: StopRules | None,
    executor: Executor | None,
) -> Run:
    """See `Experiment.run`."""
    if path is not None:
        return cast(Run, _to_file(experiment, path, workers, progress, keep_cloud, stop, executor))
    if stop is not None or executor is not None:
        raise InputError([("path", "is needed, where what is done is kept, for stop and executor")])
    threads, clock = _threads(experiment, workers, keep_cloud), Clock()
    simulation = _simulation(experiment, keep_cloud)
    try:
        simulation.check_memory(threads, whole=True)
    except InputError as error:
        raise error.located(PLACES) from None
    head = _head(experiment, simulation, clock, threads, None)
    with shown(progress) as report:
        return replace(head, cloud=simulation.in_memory(threads, report))


def run_task(
    experiment: Experiment,
    path: str | os.PathLike[str],
    task: tuple[int, int],
    workers: int | None,
    progress: bool | Progress,
    keep_cloud: bool,
    stop: StopRules | None,
) -> None:
    """See `Experiment.run_task`."""
    checks = Checks()
    share = checks.share("task", task)
    if stop is not None and stop.standard_error is not None:
        checks.fail("standard_error", "cannot end a task, which knows nothing of the others")
    checks.done()
    _to_file(experiment, path, workers, progress, keep_cloud, stop, None, share)


def _to_file(
    experiment: Experiment,
    path: str | os.PathLike[str],
    workers: int | None,
    progress: bool | Progress,
    keep_cloud: bool,
    stop: StopRules | None,
    executor: Executor | None,
    task: tuple[int, int] | None = None,
) -> Run | None:
    threads, clock = _threads(experiment, workers, keep_cloud), Clock()
    target = check_run_output(path)
    simulation = _simulation(experiment, keep_cloud)
    simulation.check_memory(threads, whole=False)
    blank = Run(Ensemble(simulation.origin, None), experiment=experiment.tables)
    head = partial(_head, experiment, simulation, clock, threads)
    with shown(progress) as report:
        means = Means(threads, report, stop or StopRules(), task, executor, clock)
        try:
            return run_to_file(simulation, target, blank, head, means)
        except InputError as error:
            raise error.located(PLACES) from None


def _threads(experiment: Experiment, workers: int | None, keep_cloud: bool) -> int:
    """Return the threads, having checked what can be wrong before a simulation is made."""
    checks = Checks()
    threads = checks.integer("workers", available_cores() if workers is None else workers, at_least=1)
    checks.attempt(partial(check_kept, experiment.settings, keep_cloud), PLACES)
    checks.done()
    return threads


def _simulation(experiment: Experiment, keep_cloud: bool) -> Simulation:
    kept = "cloud" if keep_cloud else "moments"
    return make_simulation(experiment.problem, experiment.start, experiment.settings, kept)


def _head(
    experiment: Experiment, simulation: Simulation, clock: Clock, threads: int, known: Run | None
) -> Run:
    """Return all of the run but its trajectories; flows that are known already are not integrated again."""
    problem, start, settings = experiment.problem, experiment.start, experiment.settings
    if known is not None and set(experiment.fields) <= known.flows.keys():
        flows = {name: known.flows[name] for name in experiment.fields}
        predicted = known.predicted_covariance
    else:
        flows = {name: integrate(problem, start, settings, name) for name in experiment.fields}
        predicted = default_covariance(problem, start, settings)
        _warn_of_range(experiment)
    made = provenance(clock, threads, problem=problem.describe())
    return Run(Ensemble(simulation.origin, None), flows, experiment.tables, made, predicted)


def _warn_of_range(experiment: Experiment) -> None:
    """Warn, before trajectories are made, where no flow can be expected to describe them.

    From `mcsgd.ladders.ladder.ASYMPTOTIC` on it would be too early: flows are then less near to the mean than
    they would be at smaller steps, and how near they are is what a run tells.
    """
    number = range_number(experiment.problem, experiment.start, experiment.settings)
    if experiment.fields and number > USELESS:
        where = f"m eps lambda_max is {number:.2g} at the start, beyond {USELESS:g}"
        text = f"{where}: no expansion in the step size holds there. Take smaller steps"
        warnings.warn(text, McsgdWarning, stacklevel=2)
