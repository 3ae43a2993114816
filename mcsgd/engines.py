"""Trajectories made by other processes, which leave them in shards: nothing but paths goes between.

An engine is an Executor of Python's concurrent.futures whose processes see the same file system: those of
Dask, of mpi4py, or of the standard library.
"""

from __future__ import annotations

import functools
import importlib
import math
import pickle
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mcsgd.checks import Checks
from mcsgd.correction import Correction
from mcsgd.errors import InputError, McsgdError, MissingExtraError
from mcsgd.machine import allotted_threads
from mcsgd.production import Production, Simulation
from mcsgd.rows import Span, missing
from mcsgd.sizes import work
from mcsgd.storage.output import new_file
from mcsgd.storage.parts import Parts
from mcsgd.storage.provenance import made_by
from mcsgd.storage.shards import range_of

__all__ = ["ENGINES", "Work", "executor_of", "spread"]

ENGINES = ("local", "dask", "mpi")

CHUNKS, LEAST_WORK, MOST_WORK, MOST_BYTES = 64, 4e10, 1.5e11, 2**26
"""Chunks of a run, multiply-adds in a chunk (about a second to four of one core), bytes kept of a chunk; the
last of a span may be half as large again."""
END, FINER = (1 / 8, 2, 16), 4
"""The end of a run is an eighth of it, but 2 to 16 chunks. It is cut into quarters of chunks, and its last
quarter into quarters of those: for the last one all other processes wait."""
PATIENCE, GRACE, LONGEST = 0.5, 20.0, 10.0
"""Seconds between two looks at whether to end; for what is under way to end then; and of a chunk, which ends
with what it has (of moments whole leaves) if it takes longer: the work of a user's code is not known."""

DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a worker of ours begins with: a terminal's Ctrl-C goes to it too, and would end it with its work."""

QUIET = {
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.worker.profile.enabled": False,
}
"""Of a Dask cluster of ours: it looks at itself a hundred times a second, on the cores that do the work."""


@contextmanager
def executor_of(
    engine: str, scheduler: str | None = None, workers: int | None = None
) -> Iterator[Executor | None]:
    """Give the executor of an engine, None for local threads.

    Parameters
    ----------
    engine : str
        One of ENGINES. dask: the cluster of a scheduler, or else processes of its own, one for each core;
        mpi: the ranks that `mpiexec -n N python -m mpi4py.futures` started.
    scheduler : str, optional
        Address of a Dask scheduler.
    workers : int, optional
        Processes of dask without a scheduler.

    Raises
    ------
    InputError
        If an argument is wrong, or there is no scheduler there.
    MissingExtraError
        If the engine's package is not installed.
    """
    checks = Checks()
    checks.choice("engine", engine, ENGINES)
    if scheduler is not None and engine != "dask":
        checks.fail("scheduler", f"belongs to engine dask, got engine {engine}")
    if workers is not None:
        checks.integer("workers", workers, at_least=1)
        if engine == "mpi" or scheduler is not None:
            checks.fail("workers", f"belong to engines local and dask without a scheduler, got {workers}")
    checks.done()
    if engine == "local":
        yield None
    elif engine == "dask":
        with _dask(scheduler, workers) as executor:
            yield executor
    else:
        with _mpi() as executor:
            yield executor


@contextmanager
def _dask(scheduler: str | None, workers: int | None) -> Iterator[Executor]:
    distributed = _package("distributed", "dask")
    if scheduler is None:
        local = {
            "n_workers": workers,
            "threads_per_worker": 1,
            "dashboard_address": None,
            "host": "127.0.0.1",
            "preload": [DEAF],
        }
        with (
            _package("dask", "dask").config.set(QUIET),
            distributed.LocalCluster(**local) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client.get_executor()
        return
    try:
        client = distributed.Client(scheduler, timeout=30)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            [("scheduler", f"must be the address of a Dask scheduler, got {scheduler}: {error}")]
        ) from None
    with client:
        yield client.get_executor()


@contextmanager
def _mpi() -> Iterator[Executor]:
    mpi = _package("mpi4py.MPI", "mpi")
    if mpi.COMM_WORLD.Get_size() < 2:
        command = "mpiexec -n 4 python -m mpi4py.futures -m mcsgd run ... --engine mpi"
        raise InputError([("engine", f"mpi needs two ranks or more: {command}")])
    with _package("mpi4py.futures", "mpi").MPIPoolExecutor() as executor:
        yield executor


def _package(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(f"engine {extra} needs {name}: pip install 'mcsgd[{extra}]'") from None


class Work(NamedTuple):
    """Trajectories to be made of a run, and where their shards go."""

    simulation: Simulation
    parts: Parts
    spans: Sequence[Span]


class Chunk(NamedTuple):
    """Trajectories that a process makes at once: of which work, and which."""

    work: int
    first: int
    stop: int


def spread(
    works: Sequence[Work], folder: Path, executor: Executor, ending: Callable[[], bool]
) -> Iterator[tuple[int, Path]]:
    """Have trajectories made, and yield (index of the work, shard).

    Once `ending` says so, only what was under way is waited for. The processes see that by the job's file, in
    `folder`, which is then gone. To cancel at once would lose what is under way: Dask cancels that too. But
    there may be no processes, or none that answer.

    Raises
    ------
    McsgdError
        If a process does not see the files.
    """
    job = folder / f"job-{uuid.uuid4().hex}.pickle"
    with new_file(job, replace=True) as temporary:
        temporary.write_bytes(pickle.dumps([work.simulation for work in works]))
    waiting: dict[Future[list[str]], Chunk] = {}

    def submit(chunk: Chunk) -> None:
        waiting[executor.submit(make_chunk, str(job), str(works[chunk.work].parts.target), *chunk)] = chunk

    end = math.inf
    try:
        for i, work in enumerate(works):
            for first, stop in _chunks(work.simulation, work.spans):
                submit(Chunk(i, first, stop))
        while waiting:
            done = wait(waiting, timeout=PATIENCE, return_when=FIRST_COMPLETED).done
            if end == math.inf and ending():
                job.unlink(missing_ok=True)
                end = time.monotonic() + GRACE
            if time.monotonic() > end:
                waiting = {f: chunk for f, chunk in waiting.items() if f in done or not f.cancel()}
            for future in done:
                chunk = waiting.pop(future)
                paths = [Path(path) for path in future.result()]
                if not paths and end == math.inf:
                    raise McsgdError(f"a process does not see {job}: all must have the same file system")
                if end == math.inf:
                    made = [span for path in paths if (span := range_of(path))]
                    for rest in missing(made, chunk.first, chunk.stop):
                        submit(Chunk(chunk.work, *rest))
                yield from ((chunk.work, path) for path in paths)
    finally:
        for future in waiting:
            future.cancel()
        job.unlink(missing_ok=True)


def _chunks(simulation: Simulation, spans: Sequence[Span]) -> Iterator[Span]:
    """Cut spans into chunks that are worth being sent."""
    count, step = sum(stop - first for first, stop in spans), simulation.origin.step
    one = work(simulation.problem, simulation.origin.settings)
    whole = min(max(count / CHUNKS, LEAST_WORK / one), MOST_WORK / one, MOST_BYTES / simulation.bytes_each)
    share, least, most = END
    left, at_end = count, min(max(share * count, least * whole), most * whole)
    cuts = [(math.inf, whole), (at_end, whole / FINER), (at_end / FINER, whole / FINER**2)]
    for first, stop in spans:
        while first < stop:
            cut = max(int(min(size for until, size in cuts if left <= until) // step), 1) * step
            end = first // step * step + cut
            end = stop if stop - end < cut // 2 else end  # no crumbs
            yield first, end
            left -= end - first
            first = end


def make_chunk(job: str, target: str, work: int, first: int, stop: int) -> list[str]:
    """Make trajectories first..stop - 1 of a work in this process, and return the paths of their shards.

    Once the job's file is gone, or the chunk has taken too long, only those of blocks that are under way.
    """
    begin, file = time.monotonic(), Path(job)
    try:
        file.stat()  # the simulations may be had from before
        begun = _begun(job)
    except FileNotFoundError:
        return []
    simulation, threads, good = begun.simulations[work], allotted_threads(), begun.good_blocks.get(work)
    correction = begun.correction_of(work)
    production = Production(simulation, [(first, stop)], threads, stop, good, correction)
    for done in production.run():
        late = time.monotonic() - begin > LONGEST and done - first >= simulation.origin.step
        if late or not file.exists():
            production.stop()
    begun.good_blocks[work] = production.block
    parts, made = Parts(Path(target)), made_by(time.monotonic() - begin)
    return [str(parts.add(simulation.origin, content, made)) for content in production.take()]


@dataclass
class Begun:
    """A job that this process makes chunks of, and what it has of them from before.

    Attributes
    ----------
    simulations : list of Simulation
        Of each work.
    good_blocks : dict
        Trajectories of a block that takes a good time, of the works for which that is known.
    last : (int, Correction or None) or None
        The work whose control variate was last had, and that. Others are dropped: a study has many works.
    """

    simulations: list[Simulation]
    good_blocks: dict[int, int] = field(default_factory=dict)
    last: tuple[int, Correction | None] | None = None

    def correction_of(self, work: int) -> Correction | None:
        """Return what takes the control variate of a work, which keeps its tables from chunk to chunk."""
        last = self.last  # another thread may replace it meanwhile
        if last is None or last[0] != work:
            self.last = last = work, self.simulations[work].correction()
        return last[1]


@functools.lru_cache(maxsize=1)
def _begun(job: str) -> Begun:
    """Return what this process has of a job."""
    return Begun(pickle.loads(Path(job).read_bytes()))
