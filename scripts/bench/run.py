"""Time mcsgd beside JAX, batched NumPy and a small C kernel, and against the machine's FMA peak.

    bash scripts/bench/bench.sh [--only TEXT] [--rounds 5] [--seconds 0.5] [-o bench.json]

All in one run, float64, all cores, interleaved rounds, medians; compile time apart. JAX and NumPy
run at their best batch of trajectories, found first. A rate is minibatch steps a second.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from rich.console import Console
from rich.table import Table
from works import Work, make_works

import mcsgd
from mcsgd.kernels.simd import fma, load, splat, store
from mcsgd.machine import available_cores

MOST_NUMBERS = 2**24

PEERS = ("jax", "numpy", "c")
"""Modules peer_jax, ...: imported where they run, so that none need be installed for the others."""


def seconds(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


@numba.njit(nogil=True)
def _fma_loop(x, rounds):
    a, b, c, d, e, f = load(x, 0), load(x, 8), load(x, 16), load(x, 24), load(x, 32), load(x, 40)
    g, h, i, j, k, m = load(x, 0), load(x, 8), load(x, 16), load(x, 24), load(x, 32), load(x, 40)
    p, q = splat(0.999999), splat(1e-9)
    for _ in range(rounds):
        a, b, c, d = fma(a, p, q), fma(b, p, q), fma(c, p, q), fma(d, p, q)
        e, f, g, h = fma(e, p, q), fma(f, p, q), fma(g, p, q), fma(h, p, q)
        i, j, k, m = fma(i, p, q), fma(j, p, q), fma(k, p, q), fma(m, p, q)
    store(x, 0, a + b + c + d + e + f + g + h + i + j + k + m)


def peak_gflops(workers: int, rounds: int = 20_000_000) -> float:
    """Return the rate of independent fused multiply-adds on so many cores, in GFLOP/s."""
    from concurrent.futures import ThreadPoolExecutor

    arrays = [np.ones(48) for _ in range(workers)]
    _fma_loop(arrays[0], 1)
    with ThreadPoolExecutor(workers) as pool:
        taken = seconds(lambda: list(pool.map(lambda x: _fma_loop(x, rounds), arrays)))
    return workers * rounds * 12 * 16 / taken * 1e-9


class Contestant:
    """One implementation of one work, sized to run for about so many seconds."""

    def __init__(self, name: str, make: Callable[[int], Callable[[int], object] | None], work: Work) -> None:
        self.name, self.make, self.work = name, make, work
        self.compile_seconds = 0.0
        self.rates: list[float] = []
        self.trajectories = 0
        self._run: Callable[[int], object] | None = None

    def prepare(self, candidates: tuple[int, ...], target: float) -> bool:
        """Find the best number of trajectories among the candidates; tell whether there is such a peer."""
        best = 0.0
        for trajectories in candidates:
            run = self.make(trajectories)
            if run is None:
                return False
            compile_seconds = seconds(lambda run=run: run(0))
            taken = min(seconds(lambda run=run: run(1)), seconds(lambda run=run: run(2)))
            rate = trajectories * self.work.steps / taken
            if rate > best:
                best, self.trajectories, self._run = rate, trajectories, run
                self.compile_seconds = max(0.0, compile_seconds - taken)
            if taken > 2 * target:
                break
        self.repeats = max(1, round(target * best / (self.trajectories * self.work.steps)))
        return True

    def round(self, number: int) -> None:
        """Time one round."""
        begin = time.perf_counter()
        for i in range(self.repeats):
            self._run(number * self.repeats + i)  # results are dropped, and their memory is used again
        taken = time.perf_counter() - begin
        self.rates.append(self.repeats * self.trajectories * self.work.steps / taken)

    @property
    def rate(self) -> float:
        """Median steps a second."""
        return statistics.median(self.rates)


def mcsgd_runner(work: Work, workers: int) -> Callable[[int], Callable[[int], object]]:
    """Return what makes run(seed) for a number of trajectories."""

    def make(trajectories: int) -> Callable[[int], object]:
        from dataclasses import replace

        sized = work.with_trajectories(trajectories)

        def run(seed: int) -> object:
            settings = replace(sized.settings, seed=seed)
            return mcsgd.simulate(sized.problem, sized.start, settings, workers=workers)

        return run

    return make


def contest(work: Work, target: float, rounds: int, peers: list[str]) -> dict[str, Contestant]:
    """Time one work on all its implementations, interleaved."""
    cores = available_cores()
    # No more endpoints than the allocator reuses: fresh pages cost this much again, at random.
    few = tuple(2**k for k in range(8, 24, 3) if 2**k * work.problem.parameters <= MOST_NUMBERS)
    made = [("mcsgd", mcsgd_runner(work, cores), few), ("mcsgd, 1 core", mcsgd_runner(work, 1), few)]
    for name in peers:
        peer = importlib.import_module(f"peer_{name}")
        made.append((name, lambda n, peer=peer: peer.make_runner(work, n), peer.BATCHES_OF_TRAJECTORIES))
    contestants = {}
    for name, make, candidates in made:
        contestant = Contestant(name, make, work)
        if contestant.prepare(candidates, target):
            contestants[name] = contestant
    for number in range(rounds):
        for contestant in contestants.values():
            contestant.round(number + 10)
    return contestants


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="works whose name contains this")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated; empty for none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one round of one implementation")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    cores = available_cores()
    peaks: list[float] = []
    rows = []
    for work in make_works():
        if options.only not in work.name:
            continue
        peaks.append(peak_gflops(cores))
        found = contest(work, options.seconds, options.rounds, [p for p in options.peers.split(",") if p])
        peaks.append(peak_gflops(cores))
        rows.append((work, found))
    peak, peak_1 = statistics.median(peaks), peak_gflops(1)
    table = Table(box=None, title=f"FMA peak {peak:.0f} GFLOP/s on {cores} cores, {peak_1:.0f} on one")
    for name in (
        "work",
        "M steps/s",
        "GFLOP/s",
        "of peak",
        "x jax",
        "x numpy",
        "x c",
        "x 1 core",
        "compile s",
    ):
        table.add_column(name, justify="left" if name == "work" else "right")
    results = []
    for work, found in rows:
        ours = found["mcsgd"]
        ratios = {
            name: ours.rate / found[name].rate if name in found else None
            for name in ("jax", "numpy", "c", "mcsgd, 1 core")
        }
        gflops = ours.rate * work.flops * 1e-9
        cells = [f"{ours.rate / 1e6:.3g}", f"{gflops:.0f}", f"{gflops / peak:.0%}"]
        cells += [f"{ratio:.3g}" if ratio else "-" for ratio in ratios.values()]
        table.add_row(work.name, *cells, f"{ours.compile_seconds:.1f}")
        results.append(
            {
                "work": work.name,
                "steps_per_second": {name: c.rate for name, c in found.items()},
                "rounds": {name: c.rates for name, c in found.items()},
                "trajectories": {name: c.trajectories for name, c in found.items()},
                "compile_seconds": {name: c.compile_seconds for name, c in found.items()},
                "gflops": gflops,
                "fraction_of_peak": gflops / peak,
            }
        )
    Console(width=110).print(table)
    if options.output is not None:
        about = {"cores": cores, "peak_gflops": peak, "peak_gflops_one_core": peak_1, "works": results}
        options.output.write_text(json.dumps(about, indent=2))


if __name__ == "__main__":
    main()
