"""Run an ensemble: blocks of trajectory indices over a thread pool."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import ArrayLike, NDArray

from mcsgd.checks import Checks
from mcsgd.ensemble import Ensemble
from mcsgd.kernels import draws
from mcsgd.kernels.jit import INDICES, TABLE, VECTOR, compile_for, first_class
from mcsgd.kernels.trajectory import Plan, run_block
from mcsgd.machine import available_cores
from mcsgd.problems.base import Array, Problem
from mcsgd.problems.stepper import Stepper
from mcsgd.progress import Progress, shown
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.storage.fingerprint import fingerprint
from mcsgd.storage.output import check_output
from mcsgd.storage.provenance import Clock, provenance
from mcsgd.storage.write import write_run

__all__ = ["simulate"]

DRAWS = {
    "random-order": draws.random_order,
    "reshuffle-examples": draws.reshuffle_examples,
    "shuffle-once": draws.shuffle_once,
    "with-replacement": draws.with_replacement,
    "given-order": draws.given_order,
    "full-batch": draws.given_order,  # of a single batch
}

RESHUFFLED = "reshuffle-examples"

CACHE, CACHE_OF_LANES = 2**19, 2**17
"""Bytes of states and orders that are worked on at once: of the second and of the first cache."""

WORK_PER_BLOCK, BLOCKS_PER_THREAD = 3e8, 4
"""Multiply-adds in a block, about a hundredth of a second, which is progress's step; a call takes 0.1 ms."""


def simulate(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    path: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    block_size: int | None = None,
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

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        If an argument is wrong.
    OutputExistsError
        If there is something at `path`, which is left alone.

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
    size = _block_size(problem, settings, threads) if block_size is None else block_size
    size = checks.integer("block_size", size, at_least=1)
    checks.done()
    settings.check_with(problem)
    target = None if path is None else check_output(path, size=settings.cloud_bytes(problem))

    clock = Clock()
    identity = fingerprint(problem.digest(), w0, settings, draws.STREAM_VERSION)
    with shown(progress) as report:
        arrays = _run_blocks(settings.partition(problem), w0, settings, threads, size, report)
    cloud = Ensemble(
        settings,
        w0,
        *arrays,
        settings.flow_time(problem),
        settings.partition(problem).batches,
        identity,
        draws.STREAM_VERSION,
    )
    if target is not None:
        description = {"problem": problem.describe(), **settings.as_tables()}
        write_run(target, Run(cloud, {}, description, provenance(clock, threads)))
    return cloud


def _run_blocks(
    problem: Problem, start: Array, settings: Settings, workers: int, size: int, report: Progress
) -> tuple[Array, NDArray[np.uint8], Array, Array]:
    """Return endpoints, status, snapshots and paths, filled block by block by a thread pool."""
    n, d = settings.trajectories, problem.parameters
    endpoints = np.empty((n, d))
    snapshots = np.empty((n, len(settings.snapshots), d))
    paths = np.empty((settings.paths, settings.epochs * problem.batches + 1, d))
    status = np.empty(n, np.uint8)
    stop = np.zeros(1, np.int64)
    run = _compile(problem, start, settings, stop)

    def run_from(first: int) -> int:
        block = slice(first, min(first + size, n))
        run(first, endpoints[block], snapshots[block], paths[block], status[block])
        return block.stop - first

    pool = ThreadPoolExecutor(workers)
    done = 0
    try:
        for future in as_completed([pool.submit(run_from, first) for first in range(0, n, size)]):
            done += future.result()
            report(done, n)
    finally:  # after Ctrl-C, running blocks end with their epoch
        stop[0] = 1
        pool.shutdown(cancel_futures=True)
    return endpoints, status, snapshots, paths


def _plan(
    problem: Problem, start: Array, settings: Settings, stepper: Stepper, stop: NDArray[np.int64]
) -> Plan:
    order = settings.order if settings.order else range(problem.batches)
    return Plan(
        start=np.array(start),
        step_size=settings.step_size,
        epochs=settings.epochs,
        examples=problem.examples,
        batch_size=problem.batch_size,
        batches=problem.batches,
        given=np.array(order, np.int64),
        reshuffled=settings.sampling == RESHUFFLED,
        paired=settings.design == "reversed-pairs",
        seed=settings.seed,
        snapshots=np.array(settings.snapshots, np.int64),
        state_size=stepper.state_size,
        places=stepper.places,
        by_lanes=stepper.by_lanes,
        stop=stop,
        tile=_tile(problem, settings, stepper),
    )


def _tile(problem: Problem, settings: Settings, stepper: Stepper) -> int:
    """Trajectories side by side: as many as the cache holds, but enough to meet at the same batches."""
    orders = problem.batches + (problem.examples if settings.sampling == RESHUFFLED else 0)
    cache = CACHE_OF_LANES if stepper.by_lanes else CACHE
    tile = int(np.clip(cache // (8 * (stepper.state_size + orders)), 16, 1024))
    # An odd number of groups, for rows of a power of two bytes would share a few sets of the cache.
    return min((tile // 16 - 1) // 2 * 32 + 16, -(-settings.trajectories // 16) * 16)


def _compile(
    problem: Problem, start: Array, settings: Settings, stop: NDArray[np.int64]
) -> Callable[..., None]:
    """Return run(first, endpoints, snapshots, paths, status), compiled for this problem's data."""
    stepper = problem.stepper(settings.sampling == RESHUFFLED)
    plan = _plan(problem, start, settings, stepper, stop)
    draw, advance, gradient = DRAWS[settings.sampling], stepper.advance, problem.kernels.gradient
    index, data_type, plan_type = types.int64, numba.typeof(stepper.data), numba.typeof(plan)
    gradient_type = problem.first_class("gradient")
    draw_type = first_class(draw, index, index, index, types.boolean, INDICES, TABLE, TABLE)
    advance_type = first_class(advance, gradient_type, data_type, VECTOR, INDICES, TABLE, plan_type)
    cube = types.float64[:, :, ::1]
    outputs = (types.float64[:, ::1], cube, cube, types.uint8[::1])
    kernel = compile_for(
        run_block, advance_type, draw_type, gradient_type, data_type, plan_type, index, *outputs
    )

    def run(first: int, *arrays: Any) -> None:
        kernel(advance, draw, gradient, stepper.data, plan, first, *arrays)

    return run


def _block_size(problem: Problem, settings: Settings, threads: int) -> int:
    """Trajectories a block for about WORK_PER_BLOCK multiply-adds; several blocks for each thread."""
    work = settings.epochs * (2 * problem.examples * problem.parameters + 20 * problem.batches)
    share = -(-settings.trajectories // (BLOCKS_PER_THREAD * threads))
    return max(int(min(WORK_PER_BLOCK // work, share)) // 16 * 16, 16)
