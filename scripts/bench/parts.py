"""Where the time of a step goes, on one core, and what stands between it and the FMA peak.

    bash scripts/bench/bench.sh parts [--only TEXT]

Nanoseconds a step of one trajectory, medians. Each part runs by itself, over and over on the same data:

* `orders`: drawing which batches, or which examples, come next;
* `step`: the problem's step kernel, on as many trajectories as go side by side; of it, where there are any,
  `data`: examples copied together; `products`: products of matrices; `functions`: exponentials and the like;
* `rest`: what the whole takes beyond orders and steps: starts and endpoints, their moments, calls.

At peak: the time that the products' operations would take at the FMA peak, as a share of the whole and of the
products' time.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

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
from mcsgd.kernels.steps import Batch, empty_batch, pack
from mcsgd.orders import scheme_of

HEIGHT, ROUNDS = 32, 7
STEPS = 20_000
"""Steps in one measurement of a part."""

PRODUCTS = {  # of a group of trajectories: rows, terms of a sum, vectors of the result; and the group's size
    "logistic": ([(24, 30, 4), (24, 32, 4)], 24),
    "logistic reshuffled": ([(1, 30, 4), (1, 32, 4)], 1),
    "softmax digits": ([(60, 64, 4), (60, 32, 8)], 6),
    "tanh network 64-32-10": ([(32, 64, 4), (10, 32, 4), (32, 10, 4), (32, 32, 8), (10, 32, 4)], 1),
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


@numba.njit(nogil=True)
def _pack(repeats, X, Y, rows):
    into = empty_batch(HEIGHT, X.shape[1], 1)
    for i in range(repeats):
        pack(X, Y, rows[i % len(rows)], into)
    return into.X[0]


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
    if name not in PRODUCTS:
        return 0.0, 0.0
    shapes, group = PRODUCTS[name]
    repeats = STEPS // group
    products = sum(median_seconds(lambda s=s: _products(repeats, *s)) for s in shapes) / (repeats * group)
    y, n = np.zeros(10 * HEIGHT), STEPS
    if name.startswith("logistic"):
        return products, median_seconds(lambda: _logistic(n, y)) / n
    functions = median_seconds(lambda: _softmax(n, 10, y, y)) / n
    if name.startswith("tanh"):
        functions += median_seconds(lambda: _tanh(n, 32, np.zeros(32))) / n
    return products, functions


def orders_and_steps(work: Work, settings: mcsgd.Settings) -> tuple[float, float, float]:
    """Return the seconds a step of drawing orders, of the step kernel, and in it of copying examples."""
    problem, reshuffled = work.problem, settings.sampling == "reshuffle-examples"
    stepper = problem.stepper(reshuffled)
    plan = plan_of(problem, work.start, settings, stepper, np.zeros(1, np.int64))
    side_by_side, shape, index = plan.tile, plan.shape, types.int64
    draw = pointer_to(scheme_of(settings), index, index, index, types.boolean, TABLE, TABLE, TABLE)
    sequence = np.zeros((shape.batches, -(-side_by_side // 16) * 16), np.int64)
    rows = np.tile(np.arange(shape.examples), (side_by_side if reshuffled else 1, 1))
    epochs = max(1, STEPS // sequence.size)
    count = epochs * sequence.size
    orders = median_seconds(lambda: _draw(draw, epochs, plan.given, sequence, rows)) / count
    state = np.zeros(shape.state_size * (sequence.shape[1] if stepper.by_lanes else side_by_side))
    gradient = stepper.gradient or problem.pointer("gradient")
    arguments = (gradient, stepper.data, state, sequence, rows, shape)
    step = median_seconds(lambda: _advance(stepper.advance, epochs, *arguments)) / count
    if not reshuffled:
        return orders, step, 0.0
    X, _, Y, *_ = stepper.data
    members = np.ascontiguousarray(rows[:, :HEIGHT])
    return orders, step, median_seconds(lambda: _pack(STEPS, X, Y, members)) / STEPS


def whole(work: Work, settings: mcsgd.Settings) -> float:
    """Return the seconds of a step of the whole simulation on one core."""
    taken = median_seconds(lambda: mcsgd.simulate(work.problem, work.start, settings, workers=1))
    return taken / (settings.trajectories * work.steps)


def parts(work: Work, peak: float) -> list[str]:
    """Return a row of the table."""
    trajectories = min(2**16, max(512, int(2e9 / (work.flops * work.steps))))
    settings = replace(work.settings, trajectories=trajectories)
    total, (orders, step, data) = whole(work, settings), orders_and_steps(work, settings)
    products, functions = products_and_functions(work.name)
    times = [total, orders, step, data, products, functions, total - orders - step]
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
    names = ("work", "whole", "orders", "step", "data", "products", "functions", "rest", "whole", "products")
    for i, name in enumerate(names):
        title = f"{name} at peak" if i > 7 else name
        table.add_column(title, justify="left" if name == "work" else "right")
    for work in make_works():
        if only in work.name:
            table.add_row(*parts(work, peak))
    Console(width=110).print(table)
    a = np.ones((1200, 1200))
    rate = 2 * 1200**3 / median_seconds(lambda: a @ a) * 1e-9
    both = peak_gflops(numba.config.NUMBA_DEFAULT_NUM_THREADS)
    Console().print(
        f"NumPy's product of 1200 x 1200 matrices, all cores: {rate / both:.0%} of the peak", highlight=False
    )


if __name__ == "__main__":
    main()
