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

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np
from numba import types

from mcsgd.checks import Checks
from mcsgd.ensemble import Ensemble
from mcsgd.errors import InputError
from mcsgd.kernels.draws import GROUP
from mcsgd.kernels.interactions import interactions
from mcsgd.kernels.jit import TABLE, VECTOR, compile_for
from mcsgd.kernels.subtraction import subtract_pairs, subtract_products
from mcsgd.linearisation import flow_by_epoch, linearised
from mcsgd.machine import available_cores, memory_bytes
from mcsgd.orders import Integers, draw_orders
from mcsgd.problems.base import MATRIX, Array, Problem
from mcsgd.rows import Kept, Rows
from mcsgd.schemes import CORRECTED, RESHUFFLED, STREAM_VERSION
from mcsgd.settings import Settings
from mcsgd.storage.fingerprint import fingerprint
from mcsgd.theory import xi_mean

__all__ = ["Correction", "check_can_be_had", "check_pairs", "control_variate"]

CHUNK = 2**18
"""Numbers that a thread works on at once."""
COPIES = 3
"""Of m^2 d numbers: five halves to make a table of pairs, and a half for that of the epoch before; the
indices of the pairs are m^2 numbers more."""
MOST_KEPT = 2**27
"""Bytes of the tables of several epochs that are made only once."""

Subtract = Callable[[Integers, Integers, Array], None]
"""(orders, examples, endpoints) of trajectories: take from the endpoints what their orders did to them."""


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
    correction = Correction(problem, cloud.settings, flow_by_epoch(problem, cloud.start, cloud.settings))
    rows = cast(Kept, cloud.rows).part(0, cloud.count)
    return Ensemble(cloud.origin, correction.of(rows, available_cores()))


class Correction:
    """The control variate of a run.

    Parameters
    ----------
    problem : Problem
        In the batches that are stepped on.
    settings : Settings
    path : (epochs + 1, d), or (1, d) of one epoch
        What `flow_by_epoch` returns.
    """

    def __init__(self, problem: Problem, settings: Settings, path: Array) -> None:
        self._problem, self._settings, self._path = problem, settings, path
        self._kept: list[tuple[int, Subtract]] | None = None
        self._lock = threading.Lock()

    def of(self, rows: Rows, threads: int) -> Rows:
        """Return trajectories, which need no checks, with `corrected`."""
        problem, endpoints = self._problem, rows.endpoints.copy()
        reshuffled = self._settings.sampling == RESHUFFLED
        size = problem.parameters + (problem.examples if reshuffled else problem.batches)
        count = max(CHUNK // size // GROUP * GROUP, GROUP)

        def correct(epoch: int, subtract: Subtract, begin: int) -> None:
            block = endpoints[begin : begin + count]
            with np.errstate(all="ignore"):
                drawn = draw_orders(problem, self._settings, epoch, rows.first + begin, len(block))
                subtract(*drawn, block)

        with np.errstate(all="ignore"), ThreadPoolExecutor(threads) as pool:
            each: Callable[..., Iterable[None]] = pool.map if threads > 1 else map
            for epoch, subtract in self._by_epoch():
                list(each(partial(correct, epoch, subtract), range(0, len(endpoints), count)))
        if not np.isfinite(endpoints[rows.status == 0]).all():
            raise InputError([("problem", "must be scaled so that all eps^2 H_a g_b are finite numbers")])
        return replace(rows, corrected=endpoints)

    def _by_epoch(self) -> Iterable[tuple[int, Subtract]]:
        """Return the epochs and what to do for each, made once for all calls if that needs little memory."""
        if not _made_once(self._problem, self._settings):
            return self._make()
        with self._lock:
            if self._kept is None:
                self._kept = list(self._make())
        return self._kept

    def _make(self) -> Iterator[tuple[int, Subtract]]:
        noise_of = composition_noise if self._settings.sampling == RESHUFFLED else order_noise
        for epoch, w, jacobian in linearised(self._problem, self._settings, self._path):
            yield epoch, noise_of(self._problem, self._settings, w, jacobian)


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
    checks.attempt(lambda: check_can_be_had(problem, settings))
    checks.done()


def check_can_be_had(problem: Problem, settings: Settings) -> None:
    """Raise InputError if a control variate cannot be had of a problem, before anything is computed."""
    checks = Checks()
    if settings.sampling == RESHUFFLED and problem.kernels.hessian_vector is None:
        what = "must be given for a control variate of reshuffled examples"
        checks.fail("hessian_vector", f"{what}, as compiled code calls it for each trajectory; got none")
    checks.attempt(lambda: check_pairs(problem, settings))
    checks.done()


def check_pairs(problem: Problem, settings: Settings, workers: int = 1) -> None:
    """Raise InputError if the tables of pairs of batches, which each worker may make, exceed the memory."""
    checks = Checks()
    tables = 1 if _made_once(problem, settings) else workers
    needed = tables * 8 * problem.batches**2 * (COPIES * problem.parameters + 1)
    if settings.sampling != RESHUFFLED and needed > memory_bytes():
        what = "must be smaller" + (", or workers fewer" if workers > 1 else "")
        gib = f"{needed / 2**30:.0f} GiB for the {problem.batches}^2 pairs of batches"
        checks.fail("problem", f"{what}: it needs {gib}")
    checks.done()


def _made_once(problem: Problem, settings: Settings) -> bool:
    """Tell whether the tables of all epochs are few enough to be kept; one table takes no more if it is."""
    d, m = problem.parameters, problem.batches
    rows = d if settings.sampling == RESHUFFLED else m * (m - 1) // 2
    return settings.epochs == 1 or 8 * settings.epochs * rows * d <= MOST_KEPT


def order_noise(problem: Problem, settings: Settings, w: Array, jacobian: Array) -> Subtract:
    """Return what subtracts eps^2 J (xi - E xi) at w, a function of the orders of fixed batches.

    xi - E xi is the sum over pairs a < b of batches of (H_a g_b - H_b g_a)/2, with this sign where a comes
    after b, else with the other.
    """
    g = problem.gradients(w)
    products = np.stack([problem.hessian_vectors(w, g_b) for g_b in g], axis=1)  # [a, b] = H_a g_b
    a, b = np.triu_indices(problem.batches, 1)
    pairs = products[a, b] - products[b, a]
    table = np.zeros(pairs.shape)
    subtract_products(pairs, np.ascontiguousarray(-(settings.step_size**2) / 2 * jacobian.T), table)

    def subtract(orders: Integers, _: Integers, endpoints: Array) -> None:
        subtract_pairs(orders, table, endpoints)

    return subtract


def composition_noise(problem: Problem, settings: Settings, w: Array, jacobian: Array) -> Subtract:
    """Return what subtracts J [-eps (sum_j g_j - m g) + eps^2 (xi - E xi)] at w, for reshuffled batches.

    g is the gradient of the mean over examples. If the batch size divides N, sum_j g_j = m g.
    """
    eps, m = settings.step_size, problem.batches
    g = problem.with_batch_size(problem.examples).gradients(w)[0]
    mean_xi = xi_mean(problem, w, RESHUFFLED)
    functions = problem.pointer("gradient"), problem.pointer("hessian_vector")
    arguments = VECTOR, TABLE, TABLE, types.int64, problem.data_type, MATRIX, MATRIX
    loop = compile_for(interactions, *(function.type for function in functions), *arguments)
    point, matrix = np.array(w), np.ascontiguousarray(jacobian.T)

    def subtract(orders: Integers, rows: Integers, endpoints: Array) -> None:
        sums, xi = np.empty((2, *endpoints.shape))
        inputs = point, orders, rows, problem.batch_size, problem.data
        loop(*functions, *inputs, sums, xi)
        subtract_products(eps**2 * (xi - mean_xi) - eps * (sums - m * g), matrix, endpoints)

    return subtract
