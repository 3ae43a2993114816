"""How the cost grows, how soon a process starts, and a billion trajectories without the cloud.

    bash scripts/bench/bench.sh scaling [--billion]

Costs are nanoseconds a step and example-feature pair (m and trajectories: a step) on all cores; flat
columns mean linear cost. Medians of five.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import mcsgd
from mcsgd.problems import LogisticRegression, ScalarFactorization

TARGET = 2e9
"""Multiply-adds of one measurement."""


def seconds(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def cost(m: int, d: int, B: int, trajectories: int | None = None) -> float:
    """Return the seconds of one logistic step on all cores."""
    rng = np.random.default_rng(0)
    problem = LogisticRegression(rng.normal(size=(m * B, d)), rng.integers(0, 2, m * B), B)
    n = trajectories or max(64, int(TARGET / (2 * m * d * B)))
    settings, start = mcsgd.Settings(0.01, trajectories=n), np.zeros(d)
    mcsgd.simulate(problem, start, settings)
    taken = [seconds(lambda: mcsgd.simulate(problem, start, settings)) for _ in range(5)]
    return statistics.median(taken) / (n * m)


def show_growth(console: Console) -> None:
    """Print the cost against each size, the others as in the benchmark's logistic regression."""
    table = Table("varied", "values", "cost", box=None)
    rows = [
        ("m, ns a step", (4, 16, 64, 256), lambda x: cost(x, 32, 32) * 1e9),
        ("trajectories, ns a step", (1000, 10_000, 100_000), lambda x: cost(16, 32, 32, x) * 1e9),
        ("d, ps a pair", (32, 64, 128, 256), lambda x: cost(16, x, 32) * 1e12 / (x * 32)),
        ("B, ps a pair", (8, 32, 128, 512), lambda x: cost(16, 32, x) * 1e12 / (32 * x)),
    ]
    for name, values, measure in rows:
        found = ", ".join(f"{measure(x):.3g}" for x in values)
        table.add_row(name, ", ".join(map(str, values)), found)
    console.print(table)


def show_start(console: Console) -> None:
    """Print how long `mcsgd --help` and a small run take, with and without compiled code on disk."""
    data = Path(__file__).resolve().parents[2] / "data"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        text = (data / "breast_cancer.toml").read_text().replace("100_000", "1000")
        small = Path(folder) / "small.toml"
        small.write_text(text.replace('"breast_cancer.h5"', f'"{data / "breast_cancer.h5"}"'))

        def command(*arguments: str) -> float:
            whole = [sys.executable, "-m", "mcsgd", *arguments]
            return seconds(lambda: subprocess.run(whole, check=True, capture_output=True, env=environment))

        runs = [command("run", str(small), "-o", f"{folder}/{i}.h5", "-q") for i in range(6)]
        helps = [command("--help") for _ in range(5)]
    warm = statistics.median(runs[1:])
    console.print(f"run of 1000 trajectories: {runs[0]:.1f} s compiling, then {warm:.2f} s", highlight=False)
    console.print(f"mcsgd --help: {statistics.median(helps):.2f} s", highlight=False)


def show_moments(console: Console, trajectories: int) -> None:
    """Print the time and memory of the a b x toy (m = 8) without the cloud."""
    rng = np.random.default_rng(0)
    toy = ScalarFactorization(rng.uniform(0.5, 1.5, 8), rng.normal(size=8))
    settings = mcsgd.Settings(0.01, trajectories=trajectories)
    taken = seconds(lambda: mcsgd.simulate(toy, [1.2, 0.7], settings, keep_cloud=False))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = f"{trajectories:.0e} trajectories of the toy, m = 8, moments only"
    console.print(f"{told}: {taken:.1f} s, {memory:.0f} MB", highlight=False)


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--billion", action="store_true", help="a billion trajectories, not ten million")
    options = parser.parse_args()
    console = Console(width=110)
    show_moments(console, 10**9 if options.billion else 10**7)
    show_start(console)
    show_growth(console)


if __name__ == "__main__":
    main()
