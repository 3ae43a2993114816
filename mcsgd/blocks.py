"""An ensemble cut into blocks of trajectories, run by a thread pool."""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from mcsgd.kernels import steps
from mcsgd.kernels.jit import TABLE, VECTOR, compile_for
from mcsgd.kernels.pointers import pointer_to
from mcsgd.kernels.trajectory import Plan, run_block
from mcsgd.moments import EnsembleMoments
from mcsgd.orders import given_orders, scheme_of
from mcsgd.problems.base import Array, Problem
from mcsgd.problems.stepper import Stepper
from mcsgd.progress import Progress
from mcsgd.schemes import RESHUFFLED
from mcsgd.settings import Settings

__all__ = ["Blocks"]

CACHE, CACHE_OF_LANES = 2**21, 2**17
"""Bytes of states and orders worked on at once. The more trajectories, the more meet at the same batch;
where lanes are trajectories, none need meet."""

MOST_SIDE_BY_SIDE = 1024
BEYOND_CACHE, MEETING = 2**25, 32
"""Where the batches do not fit into the cache: bytes, and trajectories that should meet at a batch."""

Result = TypeVar("Result")


class Blocks:
    """An ensemble cut into blocks of `size` trajectories.

    The problem is cut into the batches that the sampling steps on (`Settings.partition`). `paths` holds
    every step of the first trajectories, once the blocks have run.
    """

    def __init__(self, problem: Problem, start: Array, settings: Settings, size: int) -> None:
        self.problem, self.start, self.settings, self.size = problem, start, settings, size
        self.paths = np.empty((settings.paths, settings.epochs * problem.batches + 1, problem.parameters))
        self._stop = np.zeros(1, np.int64)
        self._run = _compile(problem, start, settings, self._stop)

    def cloud(self, workers: int, report: Progress) -> tuple[Array, NDArray[np.uint8], Array]:
        """Return endpoints, status and snapshots."""
        n, d = self.settings.trajectories, self.problem.parameters
        endpoints, status = np.empty((n, d)), np.empty(n, np.uint8)
        snapshots = np.empty((n, len(self.settings.snapshots), d))

        def run(block: slice) -> None:
            outputs = endpoints[block], snapshots[block], self.paths[block], status[block]
            self._run(block.start, *outputs)

        for _ in self._map(run, workers, report):
            pass
        return endpoints, status, snapshots

    def moments(self, workers: int, report: Progress) -> EnsembleMoments:
        """Return the moments of the endpoints, merged in the order of the blocks."""
        d, per_unit = self.problem.parameters, self.settings.trajectories_per_unit(self.problem.batches)

        def run(block: slice) -> EnsembleMoments:
            count = block.stop - block.start
            endpoints, status = np.empty((count, d)), np.empty(count, np.uint8)
            self._run(block.start, endpoints, np.empty((count, 0, d)), self.paths[block], status)
            return EnsembleMoments.of(endpoints, status, self.start, per_unit)

        return functools.reduce(EnsembleMoments.merged, self._map(run, workers, report))

    def _map(self, run: Callable[[slice], Result], workers: int, report: Progress) -> Iterator[Result]:
        """Yield the results of all blocks in order, with few blocks more under way than workers."""
        n = self.settings.trajectories
        blocks = (slice(first, min(first + self.size, n)) for first in range(0, n, self.size))
        pool = ThreadPoolExecutor(workers)
        under_way: deque[tuple[slice, Future[Result]]] = deque()
        try:
            for block in itertools.islice(blocks, 2 * workers):
                under_way.append((block, pool.submit(run, block)))
            while under_way:
                block, future = under_way.popleft()
                result = future.result()
                for following in itertools.islice(blocks, 1):
                    under_way.append((following, pool.submit(run, following)))
                report(block.stop, n)
                yield result
        finally:  # after Ctrl-C, running blocks end with their epoch
            self._stop[0] = 1
            pool.shutdown(cancel_futures=True)


def _plan(
    problem: Problem, start: Array, settings: Settings, stepper: Stepper, stop: NDArray[np.int64]
) -> Plan:
    return Plan(
        start=np.array(start),
        step_sizes=settings.step_sizes,
        substeps=settings.substeps,
        momentum=settings.momentum,
        epochs=settings.epochs,
        examples=problem.examples,
        batch_size=problem.batch_size,
        batches=problem.batches,
        given=given_orders(settings, problem.batches),
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


def _stepper(problem: Problem, settings: Settings) -> Stepper:
    """Return the problem's step kernel, or that of another optimiser on its gradient."""
    d = problem.parameters
    if settings.optimizer == "adam":
        data = (problem.data, settings.beta1, settings.beta2, settings.epsilon)
        return Stepper(steps.adam, data, 3 * d + 1, np.arange(d))
    return problem.stepper(settings.sampling == RESHUFFLED)


def _tile(problem: Problem, settings: Settings, stepper: Stepper) -> int:
    """Trajectories side by side: as many as the cache holds, but enough to meet at the same batches."""
    reshuffled = settings.sampling == RESHUFFLED
    numbers = stepper.state_size + problem.batches + (problem.examples if reshuffled else 0)
    cache, most = CACHE_OF_LANES if stepper.by_lanes else CACHE, MOST_SIDE_BY_SIDE
    data = sum(item.nbytes for item in stepper.data if isinstance(item, np.ndarray))
    light = 8 * stepper.state_size < data / problem.batches / 4  # a state against a batch
    if data > CACHE and light and not (stepper.by_lanes or reshuffled):
        cache, most = BEYOND_CACHE, max(most, MEETING * problem.batches)
    tile = int(np.clip(cache // (8 * numbers), 16, most))
    # An odd number of groups, for rows of a power of two bytes would share a few sets of the cache.
    return min((tile // 16 - 1) // 2 * 32 + 16, -(-settings.trajectories // 16) * 16)


def _compile(
    problem: Problem, start: Array, settings: Settings, stop: NDArray[np.int64]
) -> Callable[..., None]:
    """Return run(first, endpoints, snapshots, paths, status), compiled for this problem's data."""
    stepper = _stepper(problem, settings)
    plan = _plan(problem, start, settings, stepper, stop)
    index, data_type, plan_type = types.int64, numba.typeof(stepper.data), numba.typeof(plan)
    gradient = problem.pointer("gradient")
    draw = pointer_to(scheme_of(settings), index, index, index, types.boolean, TABLE, TABLE, TABLE)
    number = types.float64
    advance = pointer_to(stepper.advance, gradient.type, data_type, VECTOR, TABLE, TABLE, number, plan_type)
    cube = types.float64[:, :, ::1]
    outputs = (types.float64[:, ::1], cube, cube, types.uint8[::1])
    kernel = compile_for(
        run_block, advance.type, draw.type, gradient.type, data_type, plan_type, index, *outputs
    )

    def run(first: int, *arrays: Any) -> None:
        kernel(advance, draw, gradient, stepper.data, plan, first, *arrays)

    return run
