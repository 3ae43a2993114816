"""An ensemble cut into blocks of trajectories, run by a thread pool."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from mcsgd.kernels import steps
from mcsgd.kernels.jit import TABLE, VECTOR, compile_for
from mcsgd.kernels.pointers import pointer_to
from mcsgd.kernels.trajectory import Plan, run_block
from mcsgd.orders import given_orders, scheme_of
from mcsgd.pace import Pace
from mcsgd.problems.base import Array, Problem
from mcsgd.problems.stepper import CACHE, MOST_SIDE_BY_SIDE, Stepper, side_by_side
from mcsgd.rows import Rows
from mcsgd.schemes import RESHUFFLED
from mcsgd.settings import Settings

__all__ = ["Blocks", "plan_of"]

CACHE_OF_LANES = 2**17
"""Bytes of states and orders worked on at once where lanes are trajectories: none need meet at a batch."""

BEYOND_CACHE, MEETING = 2**25, 32
"""Where the batches do not fit into the cache: bytes, and trajectories that should meet at a batch."""


class Blocks:
    """Trajectories run block by block, of sizes that `pace` says.

    The problem is cut into the batches that the sampling steps on (`Settings.partition`).
    """

    def __init__(self, problem: Problem, start: Array, settings: Settings, pace: Pace) -> None:
        self._pace = pace
        self._draining = False
        self._stop = np.zeros(1, np.int64)
        self._run = _compile(problem, start, settings, self._stop)

    def fill(
        self, rooms: Iterable[Rows], workers: int, finish: Callable[[Rows], Any] | None = None
    ) -> Iterator[tuple[Rows, int]]:
        """Run the trajectories that the rooms are for, in order, and yield after each block.

        What is yielded is the room, and that its trajectories before an index are done. Rooms are taken as
        they are needed, with few blocks more under way than workers. `finish` is called with each room by the
        thread that completes it, before that is yielded. Closing the generator lets the blocks that run end
        with their epoch.
        """
        blocks = (block for room in rooms for block in self._cut(room))
        pool = ThreadPoolExecutor(workers)
        under_way: deque[tuple[_Block, Future[None]]] = deque()
        try:
            for block in itertools.islice(blocks, 2 * workers):
                under_way.append((block, pool.submit(self._do, block, finish)))
            while under_way:
                block, future = under_way.popleft()
                if self._draining and future.cancel():
                    break  # those after it have not begun either
                future.result()
                if not self._draining:
                    for following in itertools.islice(blocks, 1):
                        under_way.append((following, pool.submit(self._do, following, finish)))
                yield block.room, block.stop
        finally:
            self._stop[0] = 1
            pool.shutdown(cancel_futures=True)

    def drain(self) -> None:
        """Let `fill` end with the blocks that run now."""
        self._draining = True

    def _cut(self, room: Rows) -> Iterator[_Block]:
        first, left = room.first, _Countdown(room.stop - room.first)
        while first < room.stop:
            stop = min(first + self._pace.next(), room.stop)
            self._pace.begun(stop - first)
            yield _Block(room, first, stop, left)
            first = stop

    def _do(self, block: _Block, finish: Callable[[Rows], Any] | None) -> None:
        rows, begin = block.room.part(block.first, block.stop), time.perf_counter()
        self._run(block.first, rows.endpoints, rows.snapshots, rows.paths, rows.status)
        self._pace.took(block.stop - block.first, time.perf_counter() - begin)
        if block.left.last(block.stop - block.first) and finish is not None and not self._stop[0]:
            finish(block.room)


class _Countdown:
    """Tells which of several threads comes last."""

    def __init__(self, count: int) -> None:
        self._count, self._lock = count, threading.Lock()

    def last(self, done: int) -> bool:
        with self._lock:
            self._count -= done
            return self._count == 0


@dataclass(frozen=True, eq=False)
class _Block:
    room: Rows
    first: int
    stop: int
    left: _Countdown
    """Of the trajectories of this room."""


def plan_of(
    problem: Problem, start: Array, settings: Settings, stepper: Stepper, stop: NDArray[np.int64]
) -> Plan:
    """Return what `mcsgd.kernels.trajectory.run_block` is told; `stop` (1,) ends the blocks from outside."""
    return Plan(
        start=np.array(start),
        step_sizes=settings.step_sizes,
        substeps=settings.substeps,
        momentum=settings.momentum,
        epochs=settings.epochs,
        shape=steps.Shape(
            parameters=problem.parameters,
            state_size=stepper.state_size,
            batches=problem.batches,
            batch_size=problem.batch_size,
            examples=problem.examples,
            reshuffled=settings.sampling == RESHUFFLED,
        ),
        given=given_orders(settings, problem.batches),
        paired=settings.design == "reversed-pairs",
        seed=settings.seed,
        snapshots=np.array(settings.snapshots, np.int64),
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
    tile = side_by_side(numbers, cache, most)
    # An odd number of groups, for rows of a power of two bytes would share a few sets of the cache.
    return min((tile // 16 - 1) // 2 * 32 + 16, -(-settings.trajectories // 16) * 16)


def _compile(
    problem: Problem, start: Array, settings: Settings, stop: NDArray[np.int64]
) -> Callable[..., None]:
    """Return run(first, endpoints, snapshots, paths, status), compiled for this problem's data."""
    stepper = _stepper(problem, settings)
    plan = plan_of(problem, start, settings, stepper, stop)
    index, data_type, plan_type = types.int64, numba.typeof(stepper.data), numba.typeof(plan)
    gradient = stepper.gradient or problem.pointer("gradient")
    draw = pointer_to(scheme_of(settings), index, index, index, types.boolean, TABLE, TABLE, TABLE)
    number = types.float64
    advance = pointer_to(
        stepper.advance, gradient.type, data_type, VECTOR, TABLE, TABLE, number, numba.typeof(plan.shape)
    )
    cube = types.float64[:, :, ::1]
    outputs = (types.float64[:, ::1], cube, cube, types.uint8[::1])
    kernel = compile_for(
        run_block, advance.type, draw.type, gradient.type, data_type, plan_type, index, *outputs
    )

    def run(first: int, *arrays: Any) -> None:
        kernel(advance, draw, gradient, stepper.data, plan, first, *arrays)

    return run
