"""What it costs to keep a run: in a file, in shards, in tasks that are merged, and over Dask and MPI.

    bash scripts/bench/bench.sh kept [--rounds 3] [--size 1.0] [--epochs 100] [--only dask,mpi]

One run of logistic regression, of about ten seconds on all cores at size 1, each way in turn, interleaved;
medians, beside the run that is in memory only. The fewer epochs, the more endpoints for the same work.
Starting processes and compiling are not counted: that is paid once, and `mcsgd warmup` compiles ahead. Dask
and the pool of the standard library have a process for each core. MPI has a rank for each core, of which one
hands out the work: it is compared with one thread less; tasks, which integrate the flows, with a run that
does. At the end, the memory that a large cloud takes beyond a small one.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

import mcsgd
from mcsgd import filling
from mcsgd.engines import executor_of
from mcsgd.experiment import Experiment
from mcsgd.machine import available_cores

DATA = Path(__file__).resolve().parents[2] / "data"
ALL_EPOCHS = 20_000_000
LESS, FLOWS, TASKS = "in memory, one thread less", "in memory, and the flows", "two tasks and mcsgd merge"
BESIDE = {"mpi": LESS, TASKS: FLOWS}
"""What a way is compared with, where that is not the run in memory."""
LARGE, SMALL = 40_000_000, 1000


def experiment(size: float, epochs: int) -> Experiment:
    """Return the run that is timed."""
    given = Experiment.read(DATA / "breast_cancer.toml")
    trajectories = int(size * ALL_EPOCHS / epochs) // 2 * 2
    settings = replace(given.settings, trajectories=trajectories, epochs=epochs, paths=0)
    return replace(given, settings=settings)


def simulate(
    given: Experiment,
    path: Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
) -> float:
    """Return the seconds that its trajectories and their moments take."""
    begin = time.perf_counter()
    cloud = mcsgd.simulate(given.problem, given.start, given.settings, path, workers, executor=executor)
    cloud.moments  # noqa: B018 - computed when it is first asked for, or read
    return time.perf_counter() - begin


@contextlib.contextmanager
def shards_after(seconds: float) -> Iterator[None]:
    """Write a shard whenever there are results of so many seconds."""
    before = filling.FIRST_SHARD, filling.SHARE
    filling.FIRST_SHARD, filling.SHARE = seconds, 0.0
    try:
        yield
    finally:
        filling.FIRST_SHARD, filling.SHARE = before


def in_shards(given: Experiment, path: Path) -> float:
    """Return the seconds with a shard a second."""
    with shards_after(1.0):
        return simulate(given, path)


def with_flows(given: Experiment) -> float:
    """Return the seconds of all that a run is, in memory."""
    begin = time.perf_counter()
    given.run().cloud.moments  # noqa: B018
    return time.perf_counter() - begin


def in_tasks(given: Experiment, path: Path) -> float:
    """Return the seconds of two tasks, one after the other on all cores, and of merging them."""
    from mcsgd.storage.merge import merge

    begin = time.perf_counter()
    for k in range(2):
        given.run_task(path, (k, 2))
    merge(path)
    return time.perf_counter() - begin


def warmed(given: Experiment, executor: Executor, path: Path) -> Executor:
    """Let all of an executor's processes have compiled: each gets some of a shorter run."""
    settings = replace(given.settings, trajectories=max(given.settings.trajectories // 4, 1000))
    simulate(replace(given, settings=settings), path, executor)
    return executor


def over_mpi(path: Path, size: float, epochs: int) -> float:
    """Return the seconds over MPI, which this program measures in a process that mpiexec starts."""
    ranks = max(available_cores(), 2)
    command = [Path(sys.executable).with_name("mpiexec"), "-n", ranks, sys.executable, "-m", "mpi4py.futures"]
    command += [__file__, "--size", size, "--epochs", epochs, "--over-mpi", path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout)


def measure_mpi(given: Experiment, path: Path) -> None:
    """Print the seconds over the ranks that there are."""
    with executor_of("mpi") as executor:
        warmed(given, executor, path.with_name("warm.h5"))
        sys.stdout.write(f"{simulate(given, path, executor)}\n")


def measure(
    given: Experiment, size: float, epochs: int, rounds: int, only: str, console: Console
) -> dict[str, list[float]]:
    """Return the seconds of each way, in each round."""
    taken: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        dask = warmed(given, stack.enter_context(executor_of("dask")), folder / "dask.h5")  # type: ignore
        spawned = ProcessPoolExecutor(available_cores(), multiprocessing.get_context("spawn"))
        pool = warmed(given, stack.enter_context(spawned), folder / "pool.h5")
        ways: dict[str, Callable[[Path], float]] = {
            "in memory": lambda _: simulate(given),
            "one file": lambda path: simulate(given, path),
            "a shard a second": lambda path: in_shards(given, path),
            FLOWS: lambda _: with_flows(given),
            TASKS: lambda path: in_tasks(given, path),
            "process pool": lambda path: simulate(given, path, pool),
            "dask": lambda path: simulate(given, path, dask),
            LESS: lambda _: simulate(given, workers=max(available_cores() - 1, 1)),
            "mpi": lambda path: over_mpi(path, size, epochs),
        }
        chosen = [name for name in only.split(",") if name] or list(ways)
        wanted = {*chosen, *(BESIDE.get(name, "in memory") for name in chosen)}
        simulate(given)
        for i in range(rounds):
            for name, way in ((name, way) for name, way in ways.items() if name in wanted):
                here = folder / f"{i}"
                here.mkdir()
                taken.setdefault(name, []).append(way(here / "run.h5"))
                shutil.rmtree(here)
                console.print(f"{name}: {taken[name][-1]:.2f} s", style="dim")
    return taken


def memory_of(trajectories: int, folder: Path) -> float:
    """Return the peak memory of a process with a cloud of the toy in a file, in MiB (Linux)."""
    code = (
        "import sys, mcsgd; toy = mcsgd.problems.ScalarFactorization([1.0, 0.5], [0.6, 1.0]); "
        "mcsgd.simulate(toy, [1.2, 0.7], mcsgd.Settings(0.05, trajectories=int(sys.argv[2])), sys.argv[1]); "
        "print(open('/proc/self/status').read())"
    )
    command = [sys.executable, "-c", code, str(folder / f"{trajectories}.h5"), str(trajectories)]
    status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Not getrusage's: that begins with the peak of the process that started this one.
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--only", default="", help="comma-separated: ways, and what they are compared with")
    parser.add_argument("--over-mpi", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    given, console = experiment(options.size, options.epochs), Console()
    if options.over_mpi is not None:
        measure_mpi(given, options.over_mpi)
        return
    taken = measure(given, options.size, options.epochs, options.rounds, options.only, Console(stderr=True))
    megabytes = given.settings.trajectories * given.start.size * 8 / 1e6
    title = f"{given.settings.trajectories} trajectories, {megabytes:.0f} MB of endpoints"
    table = Table("way", "seconds", "more", "in the rounds", box=None, title=title)
    for name, seconds in taken.items():
        plain = taken[BESIDE.get(name, "in memory")]
        more = [s / p - 1 for s, p in zip(seconds, plain, strict=True)]
        ends = f"{min(more):+.1%} to {max(more):+.1%}"
        table.add_row(name, f"{statistics.median(seconds):.2f}", f"{statistics.median(more):+.1%}", ends)
    console.print(table)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        large, small = (memory_of(int(n * min(options.size, 1)) or 1, Path(folder)) for n in (LARGE, SMALL))
    megabytes = 16 * LARGE * min(options.size, 1) / 1e6
    console.print(f"A cloud of {megabytes:.0f} MB in a file: {large - small:.0f} MiB beyond a small one")


if __name__ == "__main__":
    main()
