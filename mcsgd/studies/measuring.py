"""Measure a study, in memory or in a file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.ensemble import Array
from mcsgd.errors import McsgdWarning
from mcsgd.given import check_kinds
from mcsgd.machine import available_cores
from mcsgd.problems.base import Problem
from mcsgd.progress import Progress, Together, shown
from mcsgd.settings import Settings
from mcsgd.stopping import StopRules
from mcsgd.storage.output import check_run_output
from mcsgd.studies.filling import study_to_file
from mcsgd.studies.grid import Grid, make_grid
from mcsgd.studies.job import Job
from mcsgd.studies.study import Study
from mcsgd.theory import FIELDS

__all__ = ["measure", "measure_task", "study"]


def study(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    vary: Mapping[str, Sequence[Any]],
    fields: Iterable[str] | None = None,
    fixed_time: bool = False,
    exact: bool | str = "auto",
    path: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    stop: StopRules | None = None,
    executor: Executor | None = None,
) -> Study:
    """Measure the mean endpoint, and its distance to each flow, at every point of a grid of settings.

    With a `path`, all is kept in one HDF5 file, and what is done meanwhile in the directory PATH.parts: after
    an interruption, a kill or a full disk, the same call goes on from there. A file that has some of
    the points, or all with fewer trajectories, is extended; one that has them all is left as it is.

    Parameters
    ----------
    problem : Problem
    start : (d,), or (s, d) for several
        Several are one more axis, `start_index`, after the others.
    settings : Settings
        Of all points, but for what varies. Snapshots and paths are not kept.
    vary : dict of sequence
        Two values or more for each of "step_size", "epochs", "batch_size", "substeps", "momentum" and
        "sampling"; every combination is a point. But for samplings they ascend or descend.
    fields : sequence of str, optional
        Keys of `mcsgd.theory.FIELDS` that all points have; by default those that theory has for each.
    fixed_time : bool
        Keep epochs * m * eps: by the number of epochs where step sizes vary, else by the step size.
    exact : {"auto", True, False}
        Whether means are those over all orders (`mcsgd.exact_mean`); "auto": at those points where that takes
        at most 1e7 gradient steps. Their error is the flow's accuracy alone.
    path : path, optional
        An HDF5 file to write; `mcsgd.load` opens it.
    workers : int, optional
        As in `simulate`.
    progress : bool or callable
        True shows a bar on standard error; a callable is called with (work done, work in all), in
        multiply-adds.
    stop : StopRules, optional
        To end after some time; needs a `path`.
    executor : concurrent.futures.Executor, optional
        As in `simulate`; needs a `path`.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        With all that is wrong, before anything is computed.
    OutputExistsError
        If something else is at `path`, or was begun there; it is left alone, and the message says in what it
        differs.
    IncompleteError
        If the time was over before all points were done. What was done is kept.
    BusyError, FileFormatError, WriteError, KeyboardInterrupt
        As `simulate`.

    Warns
    -----
    McsgdWarning
        Where m eps lambda_max leaves the asymptotic range, and what `integrate` warns of.

    Examples
    --------
    >>> import mcsgd
    >>> problem = mcsgd.problems.ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> steps = [0.004, 0.002, 0.001]
    >>> found = mcsgd.study(problem, [1.0, 0.5], mcsgd.Settings(0.004), {"step_size": steps})
    >>> {one.field: round(one.order, 1) for one in found.ladder().fields}
    {'gradient': 2.0, 'gd': 2.0, 'sgd': 3.0, 'second-order': 4.0}
    >>> found.distance.shape
    (3, 4)
    """
    checks = Checks()
    check_kinds(checks, problem, settings)
    several = np.ndim(start) == 2
    shape = (None, problem.parameters) if several else (problem.parameters,)
    w0 = checks.array("start", start, shape, "one number for each parameter")
    chosen = [checks.choice(f"fields[{i}]", name, FIELDS) for i, name in enumerate(fields or ())]
    known = None if fields is None else tuple(dict.fromkeys(chosen))
    axes: Any = vary
    if several and isinstance(vary, Mapping):
        axes = {**vary, "start_index": list(range(len(w0)))}
    starts: dict[Any, Array] = dict(enumerate(w0)) if several else {None: w0}
    grid = make_grid(checks, problem, settings, starts, axes, known, fixed_time, exact)
    _check_means(checks, path, workers, stop, executor)
    checks.done()
    tables = {"problem": problem.describe(), **settings.as_tables()}
    return measure(cast(Grid, grid), tables, path, workers, progress, stop, executor)


def measure(
    grid: Grid,
    tables: Mapping[str, Any],
    path: str | os.PathLike[str] | None,
    workers: int | None,
    progress: bool | Progress,
    stop: StopRules | None,
    executor: Executor | None,
    tasks: int | None = None,
) -> Study:
    """Measure the points of a grid; see `study`. `tables` are the sections of the experiment.

    `tasks` is as in `Experiment.study`.
    """
    checks = Checks()
    _check_means(checks, path, workers, stop, executor)
    if tasks is not None:
        checks.integer("tasks", tasks, at_least=1)
        if path is None:
            checks.fail("tasks", "need a path, where what they have done is kept")
    checks.done()
    job, target = _job(grid, tables, path, workers, stop, executor)
    with shown(progress, counted=False) as report:
        if target is None:
            found = _in_memory(job, report)
        else:
            found = cast(Study, study_to_file(job, target, report, tasks=tasks))
    for text in found.warnings:
        warnings.warn(text, McsgdWarning, stacklevel=3)
    return found


def measure_task(
    grid: Grid,
    tables: Mapping[str, Any],
    path: str | os.PathLike[str],
    task: tuple[int, int],
    workers: int | None,
    progress: bool | Progress,
    stop: StopRules | None,
) -> None:
    """Do what of a grid's points is for one task; see `Experiment.study_task`."""
    checks = Checks()
    share = checks.share("task", task)
    _check_means(checks, path, workers, stop, None)
    checks.done()
    job, target = _job(grid, tables, path, workers, stop, None)
    with shown(progress, counted=False) as report:
        study_to_file(job, cast(Path, target), report, task=share)


def _job(
    grid: Grid,
    tables: Mapping[str, Any],
    path: str | os.PathLike[str] | None,
    workers: int | None,
    stop: StopRules | None,
    executor: Executor | None,
) -> tuple[Job, Path | None]:
    """Return the job, checked, and the study's file, if there is to be one."""
    threads = available_cores() if workers is None else workers
    target = None if path is None else check_run_output(path)
    job = Job(grid, tables, threads, stop or StopRules(), executor)
    job.check()
    return job, target


def _check_means(
    checks: Checks, path: Any, workers: Any, stop: StopRules | None, executor: Executor | None
) -> None:
    if workers is not None:
        checks.integer("workers", workers, at_least=1)
    for name, value in {"stop": stop, "executor": executor}.items():
        if value is not None and path is None:
            checks.fail(name, "needs a path, where what is done is kept")
    if stop is not None and stop.standard_error is not None:
        checks.fail("stop", "can end a study by seconds, not by standard_error")


def _in_memory(job: Job, report: Progress) -> Study:
    results, together = [], Together(job.weights, report)
    for i, point in enumerate(job.grid.points):
        tell = together.of(i)
        found = job.in_memory(i, tell) if job.costs[i] is None else job.exact(i)
        results.append(found.result(point.at))
        tell(1, 1)
    return job.complete(tuple(results), job.grid.fields)
