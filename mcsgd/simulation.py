"""Run an ensemble of SGD trajectories."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from dataclasses import replace
from typing import cast

from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.correction import check_can_be_had
from mcsgd.ensemble import Array, Ensemble
from mcsgd.filling import Means, run_to_file
from mcsgd.given import check_given
from mcsgd.linearisation import flow_by_epoch
from mcsgd.machine import available_cores
from mcsgd.origin import Origin
from mcsgd.problems.base import Problem
from mcsgd.production import Simulation
from mcsgd.progress import Progress, shown
from mcsgd.run import Run
from mcsgd.schemes import STREAM_VERSION
from mcsgd.settings import Settings
from mcsgd.sizes import leaf_size
from mcsgd.stopping import StopRules
from mcsgd.storage.fingerprint import fingerprint
from mcsgd.storage.output import check_run_output
from mcsgd.storage.provenance import Clock, provenance

__all__ = ["check_kept", "make_simulation", "origin_of", "simulate"]


def simulate(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    path: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    block_size: int | None = None,
    keep_cloud: bool = True,
    stop: StopRules | None = None,
    executor: Executor | None = None,
) -> Ensemble:
    """Run SGD trajectories from one start, in parallel.

    The bytes of trajectory i depend on (problem, start, settings, seed, i) alone: not on threads,
    blocks, or how many trajectories there are.

    With a `path`, what is done is kept from time to time in the directory PATH.parts beside it: after an
    interruption, a kill or a full disk, the same call goes on from there. A file with the same ensemble is
    extended to more trajectories, and left as it is if it has them.

    Parameters
    ----------
    problem : Problem
    start : (d,)
        Where every trajectory starts.
    settings : Settings
    path : path, optional
        An HDF5 file to write; `mcsgd.load` opens it. Kept in memory only by default.
    workers : int, optional
        Threads; by default as many as the cores this process may run on.
    progress : bool or callable
        True shows a bar on a terminal, and elsewhere logs a line every 30 s (logger "mcsgd", level INFO); a
        callable is called with (trajectories done, trajectories in all) after each block.
    block_size : int, optional
        Trajectories a block; by default as many as take about 0.2 s, fewer towards the end.
    keep_cloud : bool
        If not, only mean and covariance are kept, in memory that does not grow with the number of
        trajectories. They are the same to the last bit as those of the cloud.
    stop : StopRules, optional
        To end before all trajectories are done, by standard error or time; needs a `path`.
    executor : concurrent.futures.Executor, optional
        Processes that see the same file system and make the trajectories in the place of this one, as
        Dask's `client.get_executor()`; needs a `path`.

    Returns
    -------
    Ensemble
        With a `path`, of the file: its endpoints are read when they are first asked for.

    Raises
    ------
    InputError
        If an argument is wrong.
    DivergedError
        If there is no control variate, because the flow along which it is taken cannot be integrated.
    OutputExistsError
        If something else is at `path`, or was begun there; it is left alone, and the message says in what it
        differs.
    IncompleteError
        If the time was over before anything was done.
    BusyError
        If another process works on `path`.
    FileFormatError
        If what is at `path` is damaged, or no run.
    WriteError
        If the file cannot be written. What was kept until then stays.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; with a `path`, what was done is kept.

    Examples
    --------
    >>> from mcsgd import Settings, simulate
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> cloud = simulate(problem, [1.0, 0.5], Settings(step_size=0.01, trajectories=100))
    >>> cloud
    Ensemble(100 trajectories, 2 parameters)
    >>> cloud.mean.round(3).tolist()
    [0.997, 0.495]
    """
    checks = Checks()
    kept = "cloud" if keep_cloud else "moments"
    made = checks.attempt(lambda: make_simulation(problem, start, settings, kept, block_size))
    threads = checks.integer("workers", available_cores() if workers is None else workers, at_least=1)
    for name, value in {"stop": stop, "executor": executor}.items():
        if value is not None and path is None:
            checks.fail(name, "needs a path, where what is done is kept")
    checks.done()
    simulation = cast(Simulation, made)
    simulation.check_memory(threads, whole=path is None)
    if path is None:
        with shown(progress) as report:
            return simulation.in_memory(threads, report)
    target, clock = check_run_output(path), Clock()
    description = {"problem": problem.describe(), **settings.as_tables()}
    blank = Run(Ensemble(simulation.origin, None), experiment=description)

    def complete(known: Run | None) -> Run:
        made = provenance(clock, threads, problem=problem.describe())
        if known is None:
            return replace(blank, provenance=made)
        experiment = {**known.experiment, **settings.as_tables()}  # and its flows stay
        return replace(known, cloud=blank.cloud, experiment=experiment, provenance=made)

    with shown(progress) as report:
        means = Means(threads, report, stop or StopRules(), executor=executor, clock=clock)
        run = run_to_file(simulation, target, blank, complete, means)
    return cast(Run, run).cloud


def make_simulation(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    kept: str = "cloud",
    block_size: int | None = None,
) -> Simulation:
    """Return all that makes the trajectories of `simulate`, whose arguments these are, checked.

    `kept` is as in `Origin`.
    """
    checks = Checks()
    w0 = check_given(checks, problem, start, settings)
    size = None if block_size is None else checks.integer("block_size", block_size, at_least=1)
    checks.attempt(lambda: check_kept(settings, kept == "cloud"))
    checks.attempt(lambda: settings.check_with(problem))
    if settings.design == "control-variate":
        checks.attempt(lambda: check_can_be_had(problem, settings))
    checks.done()
    noise = flow_by_epoch(problem, w0, settings) if settings.design == "control-variate" else None
    origin = origin_of(problem, w0, settings, kept)
    return Simulation(settings.partition(problem), origin, noise, size)


def origin_of(problem: Problem, start: Array, settings: Settings, kept: str) -> Origin:
    """Return what trajectories come from, of arguments that were checked."""
    target = settings.partition(problem)
    return Origin(
        settings=settings,
        start=start,
        flow_time=settings.flow_time(problem),
        batches=target.batches,
        leaf=leaf_size(target, settings),
        fingerprint=fingerprint(problem.digest(), start, settings, STREAM_VERSION),
        stream_version=STREAM_VERSION,
        kept=kept,
    )


def check_kept(settings: Settings, keep_cloud: bool) -> None:
    """Raise InputError if what is to be kept needs the cloud and that is not."""
    checks = Checks()
    if settings.snapshots and not keep_cloud:
        checks.fail("snapshots", f"need the cloud, which is not kept; got {list(settings.snapshots)}")
    checks.done()
