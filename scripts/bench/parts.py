"""Where the time of a step goes, on one core, and what stands between it and the FMA peak.

    bash scripts/bench/bench.sh parts [--only TEXT]

Nanoseconds a step of one trajectory, medians. Each part runs by itself, over and over on the same data:

* `orders`: drawing which batches, or which examples, come next;
* `step`: the problem's step kernel, on as many trajectories as go side by side; of it, where there are any,
  `products`: products of matrices; `functions`: exponentials and the like;
* `rest`: what the whole takes beyond orders and steps: starts and endpoints, their moments, calls.

At peak: the time that the products' operations would take at the FMA peak, as a share of the whole and of the
products' time.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numba
import numpy as np
from numba import types
from rich.console import Console
from rich.table import Table
from run import peak_gflops, seconds
from works import Work, make_works

import mcsgd
from mcsgd.blocks import plan_of
from mcsgd.kernels import glm_steps, network_steps, softmax_steps
from mcsgd.kernels.jit import TABLE
from mcsgd.kernels.pointers import pointer_to
from mcsgd.kernels.products import aligned, multiply
from mcsgd.kernels.simd import LANES
from mcsgd.kernels.steps import Batch
from mcsgd.orders import scheme_of

HEIGHT, WIDTH, ROUNDS, SECONDS = 32, 32, 7, 0.02
MANY = 24
"""Trajectories one after the other, so that none waits for its own last result."""

RESHUFFLED = "logistic reshuffled"
PRODUCTS = {  # of a group of trajectories: rows, terms of a sum, vectors of the result; and the group's size
    "logistic": ([(24, 30, 4), (24, 32, 4)], 24),
    "softmax digits": ([(60, 64, 4), (60, 32, 8)], 6),
    "tanh network 64-32-10": ([(32, 64, 4), (10, 32, 4), (32, 10, 4), (32, 32, 8), (10, 32, 4)], 1),
}


def median_seconds(run: Callable[[int], object]) -> float:
    """Return the median time of what `run(n)` does n times; the first call, which compiles, aside."""
    run(1)
    n, taken = 1, seconds(lambda: run(1))
    while taken < SECONDS:
        n = int(n * min(1.5 * SECONDS / taken, 100.0)) + 1
        taken = seconds(partial(run, n))
    return statistics.median(seconds(partial(run, n)) for _ in range(ROUNDS)) / n


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
def _rows(repeats, X, rows):
    z, states = np.zeros(HEIGHT), np.zeros(MANY * WIDTH)
    for i in range(repeats):
        w = i % MANY * WIDTH
        glm_steps.products_with_rows(X, rows, WIDTH, states, w, z)
        glm_steps.step_along_rows(X, rows, WIDTH, z, states, w, 1.0, 1e-3)
    return states[0]


@numba.njit(nogil=True)
def _logistic(repeats, y):
    z = np.linspace(-3.0, 3.0, MANY * HEIGHT)
    for i in range(repeats):
        glm_steps.logistic_slopes(z, i % MANY * HEIGHT, y, 0, HEIGHT)
    return z[0]


@numba.njit(nogil=True)
def _softmax(repeats, classes, y, x):
    z, weights = np.linspace(-1.0, 1.0, MANY * classes * HEIGHT), np.full(HEIGHT, 1 / HEIGHT)
    batch = Batch(x, x, 0, y, 0, HEIGHT, HEIGHT, 64)
    for i in range(repeats):
        softmax_steps.softmax_slopes(z, i % MANY * classes * HEIGHT, classes, batch, weights)
    return z[0]


@numba.njit(nogil=True)
def _tanh(repeats, hidden, states):
    a = np.linspace(-1.0, 1.0, hidden * HEIGHT)
    for _ in range(repeats):
        network_steps.hidden_layer(a, states, 0, hidden, HEIGHT)
    return a[0]


@numba.njit(nogil=True)
def _draw(draw, epochs, given, sequence, rows):
    for epoch in range(epochs):
        draw(0, 0, epoch, False, given, sequence, rows)


@numba.njit(nogil=True)
def _advance(advance, epochs, gradient, data, state, sequence, rows, shape):
    for _ in range(epochs):
        advance(gradient, data, state, sequence, rows, 1e-3, shape)


def products_and_functions(name: str) -> tuple[float, float]:
    """Return the seconds that a step's products and its exponentials take, those of works that have any."""
    y = np.zeros(10 * HEIGHT)
    logistic = median_seconds(lambda n: _logistic(n, y)) if name in {"logistic", RESHUFFLED} else 0.0
    if name == RESHUFFLED:
        X, rows = np.full(1000 * WIDTH, 0.5), np.random.default_rng(0).integers(1000, size=HEIGHT) * WIDTH
        return median_seconds(lambda n: _rows(n, X, rows)), logistic
    if name not in PRODUCTS:
        return 0.0, 0.0
    shapes, group = PRODUCTS[name]
    products = sum(median_seconds(lambda n, s=s: _products(n, *s)) for s in shapes) / group
    if name == "logistic":
        return products, logistic
    functions = median_seconds(lambda n: _softmax(n, 10, y, y))
    if name.startswith("tanh"):
        functions += median_seconds(lambda n: _tanh(n, 32, np.zeros(32)))
    return products, functions


def orders_and_steps(work: Work, settings: mcsgd.Settings) -> tuple[float, float]:
    """Return the seconds a step of drawing orders, and of the step kernel."""
    problem, reshuffled = work.problem, settings.sampling == "reshuffle-examples"
    stepper = problem.stepper(reshuffled)
    plan = plan_of(problem, work.start, settings, stepper, np.zeros(1, np.int64))
    side_by_side, shape, index = plan.tile, plan.shape, types.int64
    draw = pointer_to(scheme_of(settings), index, index, index, types.boolean, TABLE, TABLE, TABLE)
    sequence = np.zeros((shape.batches, -(-side_by_side // 16) * 16), np.int64)
    rows = np.tile(np.arange(shape.examples), (side_by_side if reshuffled else 1, 1))
    orders = median_seconds(lambda n: _draw(draw, n, plan.given, sequence, rows))
    state = np.zeros(shape.state_size * (sequence.shape[1] if stepper.by_lanes else side_by_side))
    gradient = stepper.gradient or problem.pointer("gradient")
    arguments = (gradient, stepper.data, state, sequence, rows, shape)
    step = median_seconds(lambda n: _advance(stepper.advance, n, *arguments))
    return orders / sequence.size, step / sequence.size


def whole(work: Work, settings: mcsgd.Settings) -> float:
    """Return the seconds of a step of the whole simulation on one core."""

    def run(times: int) -> None:
        for _ in range(times):
            mcsgd.simulate(work.problem, work.start, settings, workers=1)

    return median_seconds(run) / (settings.trajectories * work.steps)


def parts(work: Work, peak: float) -> list[str]:
    """Return a row of the table."""
    settings = replace(work.settings, trajectories=min(2**20, max(512, int(2e9 / (work.flops * work.steps)))))
    total, (orders, step) = whole(work, settings), orders_and_steps(work, settings)
    products, functions = products_and_functions(work.name)
    times = [total, orders, step, products, functions, total - orders - step]
    best = work.flops / peak * 1e-9
    shares = [f"{best / total:.0%}", f"{best / products:.0%}" if products else ""]
    return [work.name, *(f"{t * 1e9:.3g}" if t else "" for t in times), *shares]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Where the time of a step goes, on one core.")
    parser.add_argument("--only", default="", help="works whose name has this in it")
    only = parser.parse_args().only
    peak = peak_gflops(1)
    table = Table(box=None, title=f"ns a step on one core; FMA peak {peak:.0f} GFLOP/s")
    names = ("work", "whole", "orders", "step", "products", "functions", "rest", "whole", "products")
    for i, name in enumerate(names):
        title = f"{name} at peak" if i > 6 else name
        table.add_column(title, justify="left" if name == "work" else "right")
    for work in make_works():
        if only in work.name:
            table.add_row(*parts(work, peak))
    Console(width=110).print(table)
    a = np.ones((1200, 1200))
    rate = 2 * 1200**3 / median_seconds(lambda n: [a @ a for _ in range(n)]) * 1e-9
    both = peak_gflops(numba.config.NUMBA_DEFAULT_NUM_THREADS)
    Console().print(
        f"NumPy's product of 1200 x 1200 matrices, all cores: {rate / both:.0%} of the peak", highlight=False
    )


if __name__ == "__main__":
    main()
