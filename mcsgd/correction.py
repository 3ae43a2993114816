"""A control variate: endpoints without what their orders did to them to leading order.

An epoch of SGD in the order pi ends at w_0 - eps sum_j g_j + eps^2 xi + O(eps^3), where

    xi = sum_{i<j} H_j g_i        (indices are positions in the order)

is known for each trajectory, because its order can be drawn again, and so is its mean over all orders.
Subtracting the difference changes no mean, and takes the noise of an endpoint from O(eps^2) to O(eps^3): from
O(eps^(3/2)) to O(eps^(5/2)) over many epochs at fixed time. There is nothing to fit.

Over several epochs, xi is taken along the modified flow, and carried to the end by the flow's Jacobian. Both
are the same for all trajectories, so that their errors change the noise, and not the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np
from numba import types
from scipy.linalg import expm

from mcsgd.checks import Checks
from mcsgd.ensemble import Ensemble
from mcsgd.errors import DivergedError, InputError
from mcsgd.kernels.draws import GROUP
from mcsgd.kernels.interactions import interactions
from mcsgd.kernels.jit import TABLE, VECTOR, compile_for
from mcsgd.machine import available_cores, memory_bytes
from mcsgd.orders import Integers, draw_orders
from mcsgd.problems.base import MATRIX, Array, Problem
from mcsgd.rows import Kept, Rows
from mcsgd.schemes import CORRECTED, RESHUFFLED, STREAM_VERSION
from mcsgd.settings import Settings
from mcsgd.storage.fingerprint import fingerprint
from mcsgd.theory import integrate, xi_mean
from mcsgd.theory.deviations import mean_hessian_vectors
from mcsgd.theory.units import shuffled_units

__all__ = ["check_pairs", "control_variate", "corrected", "flow_by_epoch"]

CHUNK = 2**22
"""Numbers that a thread works on at once."""
COPIES = 3  # of the table of pairs

TILE = 64
Noise = Callable[[Integers, Integers, int], Array]
"""(orders, examples) of trajectories first, first + 1, ... -> what they add to the endpoints, of mean
zero."""


def control_variate(problem: Problem, cloud: Ensemble) -> Ensemble:
    """Return the ensemble with `corrected`: its endpoints less the control variate of their orders.

    The mean endpoint has the same expectation and, for independent trajectories, a far smaller standard
    error. The endpoints themselves and their covariance stay as they are. Design control-variate does
    this at the end of the simulation. The statistics of reversed pairs gain where examples are
    reshuffled: of the batches, both of a pair have the same.

    Parameters
    ----------
    problem : Problem
    cloud : Ensemble
        Simulated for this problem, with its endpoints kept. Sampling random-order or shuffle-once with
        independent trajectories, or reshuffle-examples; a constant step size, no momentum, no substeps.

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        If the cloud is not of this problem, or there is no control variate for it.
    DivergedError
        If the modified flow, along which the noise of several epochs is taken, cannot be integrated.

    Examples
    --------
    >>> from mcsgd import Settings, simulate
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> cloud = simulate(problem, [1.0, 0.5], Settings(step_size=0.01, trajectories=100))
    >>> corrected = control_variate(problem, cloud)
    >>> bool((corrected.standard_error < 0.1 * cloud.standard_error).all())
    True
    """
    _check(problem, cloud)
    settings, all_rows = cloud.settings, cast(Kept, cloud.rows).part(0, cloud.count)
    rows = corrected(problem, settings, all_rows, flow_by_epoch(problem, cloud.start, settings))
    return Ensemble(cloud.origin, rows)


def corrected(problem: Problem, settings: Settings, rows: Rows, path: Array) -> Rows:
    """Return trajectories with `corrected`; they need no checks, and path is the flow by epoch."""
    endpoints, reshuffled = rows.endpoints.copy(), settings.sampling == RESHUFFLED
    noise_of = composition_noise if reshuffled else order_noise
    size = problem.examples + problem.parameters if reshuffled else problem.batches**2
    count = max(CHUNK // size // GROUP * GROUP, GROUP)

    def correct(epoch: int, noise: Noise, begin: int) -> None:
        block, first = endpoints[begin : begin + count], rows.first + begin
        with np.errstate(all="ignore"):
            block -= noise(*draw_orders(problem, settings, epoch, first, len(block)), first)

    with np.errstate(all="ignore"), ThreadPoolExecutor(available_cores()) as pool:
        for epoch, w, jacobian in linearised(problem, settings, path):
            noise = noise_of(problem, settings, w, jacobian)
            list(pool.map(partial(correct, epoch, noise), range(0, len(endpoints), count)))
    if not np.isfinite(endpoints[rows.status == 0]).all():
        raise InputError([("problem", "must be scaled so that all eps^2 H_a g_b are finite numbers")])
    return replace(rows, corrected=endpoints)


def _check(problem: Problem, cloud: Ensemble) -> None:
    checks, settings = Checks(), cloud.settings
    if not cloud.kept or cloud.left_out or cloud.is_corrected:
        what = "with trajectories left out" if cloud.kept else "without endpoints"
        what = "corrected already" if cloud.is_corrected else what
        checks.fail("cloud", f"must have the endpoints of all trajectories as simulated, got one {what}")
    if settings.sampling not in CORRECTED:
        checks.fail("cloud", f"must have sampling {', '.join(CORRECTED)}; got {settings.sampling}")
    elif not settings.plain:
        checks.fail("cloud", "must be of plain SGD: without momentum, substeps, or a schedule")
    elif settings.sampling != RESHUFFLED and cloud.unit_name != "trajectory":
        unit = cloud.unit_name
        checks.fail("cloud", f"must have independent trajectories: a {unit} has none of this noise left")
    identity = fingerprint(problem.digest(), cloud.start, settings, STREAM_VERSION)
    if identity != cloud.fingerprint:
        checks.fail("problem", "must be the one that was simulated, by this version of the random stream")
    checks.attempt(lambda: check_pairs(problem, settings))
    checks.done()


def check_pairs(problem: Problem, settings: Settings) -> None:
    """Raise InputError if the table of pairs of batches does not fit into memory."""
    checks = Checks()
    pairs = 8 * problem.batches**2 * problem.parameters
    if settings.sampling != RESHUFFLED and COPIES * pairs > memory_bytes():
        needed = f"{COPIES * pairs / 2**30:.0f} GiB for the {problem.batches}^2 pairs of batches"
        checks.fail("problem", f"must be smaller: it needs {needed}")
    checks.done()


def linearised(problem: Problem, settings: Settings, path: Array) -> Iterator[tuple[int, Array, Array]]:
    """Yield, from the last epoch to the first, where the flow begins it and the Jacobian from its end on.

    `path` is what `flow_by_epoch` returns.
    """
    w, unit = path, np.eye(problem.parameters)
    whole = shuffled_units(problem, settings.sampling).whole
    jacobian = unit
    yield settings.epochs - 1, w[settings.epochs - 1], jacobian
    for epoch in range(settings.epochs - 1, 0, -1):
        middle = (w[epoch] + w[epoch + 1]) / 2
        hessian = mean_hessian_vectors(whole, middle, unit)
        jacobian = jacobian @ expm(-settings.step_size * problem.batches * hessian)
        yield epoch - 1, w[epoch - 1], jacobian


def flow_by_epoch(problem: Problem, start: Array, settings: Settings) -> Array:
    """Return the flow at the end of every epoch, (epochs + 1, d), the start first; of one epoch, (1, d).

    Raises
    ------
    DivergedError
        If it cannot be integrated.
    """
    points = [start]
    one = replace(settings, epochs=1, snapshots=(), paths=0)
    for _ in range(settings.epochs if settings.epochs > 1 else 0):
        flow = integrate(problem, points[-1], one, "sgd")
        if flow.message:
            raise DivergedError(f"the flow to take the noise along {flow.message}")
        points.append(flow.endpoint)
    return np.array(points)


def order_noise(problem: Problem, settings: Settings, w: Array, jacobian: Array) -> Noise:
    """Return eps^2 J (xi - E xi) at w as a function of the orders of fixed batches.

    xi - E xi is the sum over pairs a < b of batches of (H_a g_b - H_b g_a)/2, with this sign where a comes
    after b, else with the other.
    """
    g = problem.gradients(w)
    products = np.stack([problem.hessian_vectors(w, g_b) for g_b in g], axis=1)  # [a, b] = H_a g_b
    a, b = np.triu_indices(problem.batches, 1)
    table = settings.step_size**2 / 2 * (products[a, b] - products[b, a]) @ jacobian.T

    def noise(orders: Integers, _: Integers, first: int) -> Array:
        position = np.argsort(orders, axis=1)
        return _product(np.where(position[:, a] > position[:, b], 1.0, -1.0), table, first)

    return noise


def composition_noise(problem: Problem, settings: Settings, w: Array, jacobian: Array) -> Noise:
    """Return J [-eps (sum_j g_j - m g) + eps^2 (xi - E xi)] at w as a function of reshuffled batches.

    g is the gradient of the mean over examples. If the batch size divides N, sum_j g_j = m g.
    """
    eps, m = settings.step_size, problem.batches
    g = problem.with_batch_size(problem.examples).gradients(w)[0]
    mean_xi = xi_mean(problem, w, RESHUFFLED)
    functions = problem.pointer("gradient"), problem.pointer("hessian_vector")
    arguments = VECTOR, TABLE, TABLE, types.int64, problem.data_type, MATRIX, MATRIX
    loop = compile_for(interactions, *(function.type for function in functions), *arguments)
    point = np.array(w)

    def noise(orders: Integers, rows: Integers, first: int) -> Array:
        sums, xi = np.empty((2, len(orders), w.size))
        inputs = point, orders, rows, problem.batch_size, problem.data
        loop(*functions, *inputs, sums, xi)
        return _product(eps**2 * (xi - mean_xi) - eps * (sums - m * g), jacobian.T, first)

    return noise


def _product(rows: Array, matrix: Array, first: int) -> Array:
    """Return rows @ matrix, where the bits of a row depend on it and its index first + i alone.

    BLAS may sum differently where there are more rows: it is given the same number every time.
    """
    begin, (n, k) = first % TILE, rows.shape
    tiles = np.zeros((-(-(begin + n) // TILE), TILE, k))
    tiles.reshape(-1, k)[begin : begin + n] = rows
    product = (tiles @ matrix).reshape(-1, matrix.shape[1])
    return np.asarray(product[begin : begin + n])
