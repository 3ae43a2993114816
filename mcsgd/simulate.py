"""Run an ensemble: blocks of trajectory indices over a thread pool."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.ensemble import Ensemble
from mcsgd.kernels import draws
from mcsgd.kernels.jit import INDICES, compile_for, first_class
from mcsgd.kernels.trajectory import Plan, run_block
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings

__all__ = ["simulate"]

DRAWS = {
    "random-order": draws.random_order,
    "reshuffle-examples": draws.reshuffle_examples,
    "shuffle-once": draws.shuffle_once,
    "with-replacement": draws.with_replacement,
    "given-order": draws.given_order,
    "full-batch": draws.given_order,  # of a single batch
}

WORK_PER_BLOCK = 1e8
"""Multiply-adds in a block, about a tenth of a second: progress and Ctrl-C act between blocks."""

Progress = Callable[[int, int], None]


def simulate(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    workers: int | None = None,
    progress: Progress | None = None,
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
    workers : int, optional
        Threads; by default as many as the cores this process may run on.
    progress : callable, optional
        Called with (trajectories done, trajectories in all) after each block.
    block_size : int, optional
        Trajectories a block; chosen from the work per trajectory by default.

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        If an argument is wrong.
    """
    checks = Checks()
    w0 = checks.array("start", start, (problem.parameters,), "one number for each parameter")
    workers = checks.integer("workers", workers or len(os.sched_getaffinity(0)), at_least=1)
    size = checks.integer("block_size", block_size or _block_size(problem, settings), at_least=1)
    _check_memory(checks, problem, settings)
    checks.done()
    settings.check_with(problem)
    problem = settings.partition(problem)
    plan = _plan(problem, w0, settings)
    n, d = settings.trajectories, problem.parameters
    endpoints = np.empty((n, d))
    snapshots = np.empty((n, len(settings.snapshots), d))
    paths = np.empty((settings.paths, settings.epochs * problem.batches + 1, d))
    status = np.empty(n, np.uint8)
    run = _compile(problem, settings, plan)

    def run_from(first: int) -> int:
        block = slice(first, min(first + size, n))
        run(first, endpoints[block], snapshots[block], paths[block], status[block])
        return block.stop - first

    pool = ThreadPoolExecutor(workers)
    done = 0
    try:
        for future in as_completed([pool.submit(run_from, first) for first in range(0, n, size)]):
            done += future.result()
            if progress is not None:
                progress(done, n)
    finally:
        pool.shutdown(cancel_futures=True)

    return Ensemble(
        settings, w0, endpoints, status, snapshots, paths, settings.flow_time(problem), problem.batches
    )


def _plan(problem: Problem, start: Array, settings: Settings) -> Plan:
    order = settings.order if settings.order else range(problem.batches)
    return Plan(
        start=np.array(start),
        step_size=settings.step_size,
        epochs=settings.epochs,
        examples=problem.examples,
        batch_size=problem.batch_size,
        batches=problem.batches,
        given=np.array(order, np.int64),
        paired=settings.design == "reversed-pairs",
        seed=settings.seed,
        snapshots=np.array(settings.snapshots, np.int64),
    )


def _compile(problem: Problem, settings: Settings, plan: Plan) -> Callable[..., None]:
    """Return run(first, endpoints, snapshots, paths, status), compiled for this problem's data."""
    draw = DRAWS[settings.sampling]
    int64, float64 = types.int64, types.float64
    draw_type = first_class(draw, int64, int64, int64, INDICES, INDICES, INDICES)
    kernel = compile_for(
        run_block,
        problem.first_class("gradient"),
        draw_type,
        problem.data_type,
        numba.typeof(plan),
        int64,
        float64[:, ::1],
        float64[:, :, ::1],
        float64[:, :, ::1],
        types.uint8[::1],
    )

    def run(first: int, *outputs: Any) -> None:
        kernel(problem.kernels.gradient, draw, problem.data, plan, first, *outputs)

    return run


def _block_size(problem: Problem, settings: Settings) -> int:
    """Trajectories a block for about WORK_PER_BLOCK multiply-adds."""
    work = settings.epochs * (2 * problem.examples * problem.parameters + 20 * problem.batches)
    return int(np.clip(WORK_PER_BLOCK // work, 1, 8192))


def _check_memory(checks: Checks, problem: Problem, settings: Settings) -> None:
    """Refuse a cloud larger than the machine's memory."""
    rows = settings.trajectories * (1 + len(settings.snapshots))
    rows += settings.paths * (settings.epochs * problem.batches + 1)
    needed = rows * problem.parameters * 8
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        checks.fail(
            "trajectories",
            f"give endpoints of {needed / 2**30:.0f} GiB, more than this machine's {memory / 2**30:.0f} GiB",
        )
