"""Where the time of a step goes, on one core, and what stands between it and the FMA peak.

    bash scripts/bench/bench.sh parts

Each part runs by itself on data in the cache; `rest` is what the whole takes beyond them: sorting by batch,
updates, states from the second cache, calls. `peak` is the time that the products' operations would take
at the measured FMA peak. Nanoseconds a step, medians.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

import numba
import numpy as np
from rich.console import Console
from rich.table import Table
from run import peak_gflops, seconds
from works import Work, make_works

import mcsgd
from mcsgd.kernels import draws, glm_steps, network_steps, softmax_steps
from mcsgd.kernels.products import aligned, multiply
from mcsgd.kernels.simd import LANES
from mcsgd.kernels.steps import Batch

HEIGHT, ROUNDS = 32, 7
STEPS = 20_000
"""Steps in one measurement of a part."""

PRODUCTS = {  # of a group of trajectories: rows, terms of a sum, vectors of the result; and the group's size
    "logistic": ([(24, 30, 4), (24, 32, 4)], 24),
    "softmax": ([(60, 64, 4), (60, 32, 8)], 6),
    "network": ([(32, 64, 4), (10, 32, 4), (32, 10, 4), (32, 32, 8), (10, 32, 4)], 1),
}


def median_seconds(run: Callable[[], object]) -> float:
    """Return the median time of a call, the first one, which compiles, aside."""
    run()
    return statistics.median(seconds(run) for _ in range(ROUNDS))


@numba.njit(nogil=True)
def _products(repeats, rows, terms, vectors):
    width = vectors * LANES
    a, b, c = aligned(rows * terms), aligned(terms * width), aligned(rows * width)
    a[:], b[:] = 0.5, 0.25
    bases = np.arange(rows) * terms
    for _ in range(repeats):
        multiply(a, bases, rows, 1, b, 0, width, terms, vectors, c, 0, width)
    return c[0]


@numba.njit(nogil=True)
def _logistic(repeats, y):
    z = np.linspace(-3.0, 3.0, HEIGHT)
    for _ in range(repeats):
        glm_steps.logistic_slopes(z, 0, y, 0, HEIGHT)
    return z[0]


@numba.njit(nogil=True)
def _softmax(repeats, classes, y, x):
    z, weights = np.linspace(-1.0, 1.0, classes * HEIGHT), np.full(HEIGHT, 1 / HEIGHT)
    batch = Batch(x, x, 0, y, 0, HEIGHT, HEIGHT, 64)
    for _ in range(repeats):
        softmax_steps.softmax_slopes(z, 0, classes, batch, weights)
    return z[0]


@numba.njit(nogil=True)
def _tanh(repeats, hidden, state):
    a = np.linspace(-1.0, 1.0, hidden * HEIGHT)
    for _ in range(repeats):
        network_steps.hidden_layer(a, state, 0, hidden, HEIGHT)
    return a[0]


def functions(kind: str) -> float:
    """Return the seconds that a step's exponentials and the like take."""
    y, n = np.zeros(10 * HEIGHT), STEPS
    if kind == "logistic":
        return median_seconds(lambda: _logistic(n, y)) / n
    softmax = median_seconds(lambda: _softmax(n, 10, y, y)) / n
    return softmax + (median_seconds(lambda: _tanh(n, 32, np.zeros(32))) / n if kind == "network" else 0.0)


def orders(m: int) -> float:
    """Return the seconds that a step's share of its epoch's order takes."""
    width = 240
    sequence, rows, nothing = (
        np.zeros((m, width), np.int64),
        np.zeros((1, m), np.int64),
        np.empty((1, 0), int),
    )

    def run() -> None:
        for epoch in range(20):
            draws.random_order(0, 0, epoch, False, nothing, sequence, rows)

    return median_seconds(run) / (20 * width * m)


def whole(work: Work) -> float:
    """Return the seconds of a step of the whole simulation on one core."""
    trajectories = min(2**16, max(512, int(2e9 / (work.flops * work.steps))))
    settings = replace(work.settings, trajectories=trajectories)
    taken = median_seconds(lambda: mcsgd.simulate(work.problem, work.start, settings, workers=1))
    return taken / (trajectories * work.steps)


def main() -> None:
    """Print the table."""
    peak = peak_gflops(1)
    table = Table(box=None, title=f"ns a step on one core; FMA peak {peak:.0f} GFLOP/s")
    for name in (
        "work",
        "whole",
        "products",
        "functions",
        "orders",
        "rest",
        "peak",
        "whole at",
        "products at",
    ):
        table.add_column(name, justify="left" if name == "work" else "right")
    for work in make_works():
        if work.kind not in PRODUCTS or "custom" in work.name:
            continue
        shapes, group = PRODUCTS[work.kind]
        repeats = STEPS // group
        parts = [
            sum(median_seconds(lambda s=s, n=repeats: _products(n, *s)) for s in shapes) / (repeats * group),
            functions(work.kind),
            orders(work.problem.batches),
        ]
        total, best = whole(work), work.flops / peak * 1e-9
        times = [total, *parts, total - sum(parts), best]
        shares = [f"{best / total:.0%}", f"{best / parts[0]:.0%}"]
        table.add_row(work.name, *(f"{t * 1e9:.3g}" for t in times), *shares)
    Console(width=110).print(table)
    a = np.ones((1200, 1200))
    rate = 2 * 1200**3 / median_seconds(lambda: a @ a) * 1e-9
    both = peak_gflops(numba.config.NUMBA_DEFAULT_NUM_THREADS)
    Console().print(
        f"NumPy's product of 1200 x 1200 matrices, all cores: {rate / both:.0%} of the peak", highlight=False
    )


if __name__ == "__main__":
    main()
