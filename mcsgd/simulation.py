"""Run an ensemble of SGD trajectories."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.blocks import Blocks
from mcsgd.checks import Checks
from mcsgd.correction import check_pairs, corrected, flow_by_epoch
from mcsgd.ensemble import Ensemble
from mcsgd.kernels.draws import STREAM_VERSION
from mcsgd.machine import available_cores, memory_bytes
from mcsgd.problems.base import Problem
from mcsgd.progress import Progress, shown
from mcsgd.run import Run
from mcsgd.schemes import DESIGNS
from mcsgd.settings import COPIES, Settings
from mcsgd.storage.fingerprint import fingerprint
from mcsgd.storage.output import check_output
from mcsgd.storage.provenance import Clock, provenance
from mcsgd.storage.write import write_run

__all__ = ["check_kept", "simulate"]

MOMENTS_BLOCK = 2**16
LEAST_WORK, MOST_WORK, BLOCKS_PER_THREAD = 1e7, 3e8, 4
"""Multiply-adds in a block: a call takes 0.1 ms, and progress should move every hundredth of a second."""


def simulate(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    path: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    block_size: int | None = None,
    keep_cloud: bool = True,
) -> Ensemble:
    """Run SGD trajectories from one start, in parallel.

    The bytes of trajectory i depend on (problem, start, settings, seed, i) alone: not on threads,
    blocks, or how many trajectories there are.

    Parameters
    ----------
    problem : Problem
    start : (d,)
        Where every trajectory starts.
    settings : Settings
    path : path, optional
        A new HDF5 file to write; `mcsgd.load` reads it. Kept in memory only by default.
    workers : int, optional
        Threads; by default as many as the cores this process may run on.
    progress : bool or callable
        True shows a bar on standard error; a callable is called with (trajectories done,
        trajectories in all) after each block.
    block_size : int, optional
        Trajectories a block; chosen from the work per trajectory by default.
    keep_cloud : bool
        If not, only mean and covariance are kept, in memory that does not grow with the number of
        trajectories. They are the same to the last bit for any number of workers.

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        If an argument is wrong.
    DivergedError
        If there is no control variate, because the flow along which it is taken cannot be integrated.
    OutputExistsError
        If there is something at `path`, which is left alone.
    WriteError
        If the file cannot be written.

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
    w0 = checks.array("start", start, (problem.parameters,), "one number for each parameter")
    threads = checks.integer("workers", available_cores() if workers is None else workers, at_least=1)
    size = 0 if block_size is None else checks.integer("block_size", block_size, at_least=1)
    checks.attempt(lambda: check_kept(settings, keep_cloud))
    checks.attempt(lambda: settings.check_with(problem))
    if settings.design == "control-variate":
        checks.attempt(lambda: check_pairs(problem, settings))
    checks.done()
    per_unit = settings.trajectories_per_unit(settings.partition(problem).batches)
    size = size or _block_size(problem, settings, threads if keep_cloud else None, per_unit)
    if keep_cloud:
        settings.check_memory(problem)
    else:
        _check_moments_block(problem, settings, size, per_unit, threads)
    target = None if path is None else check_output(path, size=settings.cloud_bytes(problem) * keep_cloud)

    clock = Clock()
    path_of_noise = flow_by_epoch(problem, w0, settings) if settings.design == "control-variate" else None
    identity = fingerprint(problem.digest(), w0, settings, STREAM_VERSION)
    target_problem = settings.partition(problem)
    blocks, d = Blocks(target_problem, w0, settings, size), problem.parameters
    with shown(progress) as report:
        if keep_cloud:
            kept, moments = blocks.cloud(threads, report), None
        else:
            kept = np.empty((0, d)), np.empty(0, np.uint8), np.empty((0, 0, d))
            moments = blocks.moments(threads, report)
    cloud = Ensemble(
        settings,
        w0,
        *kept,
        blocks.paths,
        settings.flow_time(problem),
        target_problem.batches,
        identity,
        STREAM_VERSION,
        moments=moments,
    )
    if path_of_noise is not None:
        cloud = corrected(problem, cloud, path_of_noise)
    if target is not None:
        description = {"problem": problem.describe(), **settings.as_tables()}
        write_run(target, Run(cloud, {}, description, provenance(clock, threads)))
    return cloud


def check_kept(settings: Settings, keep_cloud: bool) -> None:
    """Raise InputError if what is to be kept needs the cloud and that is not."""
    checks = Checks()
    if settings.snapshots and not keep_cloud:
        checks.fail("snapshots", f"need the cloud, which is not kept; got {list(settings.snapshots)}")
    if settings.design == "control-variate" and not keep_cloud:
        checks.fail("design", "control-variate corrects endpoints, which are not kept here")
    checks.done()


def _check_moments_block(
    problem: Problem, settings: Settings, size: int, per_unit: int, threads: int
) -> None:
    """Raise InputError if blocks whose moments are kept are not of whole units, or do not fit into memory."""
    checks = Checks()
    if size % per_unit:
        unit = DESIGNS[settings.design].unit
        checks.fail(
            "block_size", f"must be a multiple of {per_unit} where moments of {unit}s are kept, got {size}"
        )
    needed, memory = COPIES * 8 * size * problem.parameters * threads / 2**30, memory_bytes() / 2**30
    if needed > memory:
        checks.fail(
            "block_size",
            f"of {size} trajectories needs {needed:.0f} GiB with {threads} workers; "
            f"the memory is {memory:.0f} GiB",
        )
    checks.done()


def _block_size(problem: Problem, settings: Settings, threads: int | None, per_unit: int) -> int:
    """Trajectories a block for a good amount of work.

    Several blocks for each thread; if `threads` is None, whole units, and independent of how many threads
    there are, and of the number of trajectories.
    """
    work = settings.epochs * (2 * problem.examples * problem.parameters + 20 * problem.batches)
    if threads is None:
        size = min(MOST_WORK // work, MOMENTS_BLOCK)
    else:
        share = -(-settings.trajectories // (BLOCKS_PER_THREAD * threads))
        size = np.clip(share, LEAST_WORK // work, MOST_WORK // work)
    step = np.lcm(16, per_unit) if threads is None else 16
    return max(int(size) // step * step, step)
