"""The covariance of the cloud of endpoints over a whole run, to leading order in the step size.

Along the flow w(t) of the mean, a deviation decays by -H and each epoch, of time m eps, adds the noise of its
order, eps^2 (xi - E xi): see `mcsgd.theory.expansion`. With a fresh order each epoch,

    P' = -H P - P H + (eps^3 / m) Cov(xi),   one epoch: P = eps^4 Cov(xi);

with replacement, P' = -H P - P H + eps Sigma, Sigma the covariance of the batches' gradients. Where examples
are reshuffled into batches of unequal size, the sum of an epoch's gradients is random as well, and both
kinds of noise are added, each to its leading order: see `Shuffled.first_order_noise`. Shuffle-once adds
the same xi - E xi = (1/2) sum_{a<b} +-y_ab in every epoch, so its deviation is a sum over pairs of
batches as well, of the responses z_ab' = -H z_ab + (eps/m) y_ab, and

    P = (1/12) (sum_a Z_a Z_a^T + sum_{a<b} z_ab z_ab^T),   Z_a = sum_b z_ab.

The relative error is of order eps in all of them. The standard deviation is of order eps^2 after one
epoch, and over a fixed time eps^(3/2) with fresh orders, eps with one order for all epochs, and eps^(1/2)
with replacement or batches of unequal size, for which it is of order eps after one epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve, solve_continuous_lyapunov

from mcsgd.checks import Checks
from mcsgd.given import check_given
from mcsgd.problems.base import Array, Problem
from mcsgd.schemes import SAMPLINGS
from mcsgd.settings import Settings
from mcsgd.theory.deviations import mean_hessian_vectors
from mcsgd.theory.expansion import check_size, order_covariance
from mcsgd.theory.fields import vector_field
from mcsgd.theory.first_order import VectorField
from mcsgd.theory.flow import solve as solve_flow
from mcsgd.theory.units import shuffled_units

__all__ = ["check_plain", "default_covariance", "predicted_covariance", "spread_of"]

RTOL = 1e-6
MOST_NUMBERS = 4 * 10**6
"""In the responses to all pairs of batches; the integrator keeps about 20 copies."""

AFFORDABLE = 1e9
"""Multiply-adds that an unasked prediction may take: about 2 seconds."""

EVALUATIONS, CALL = 60, 5000
"""Of the equation, at least, and one more an epoch; multiply-adds that a call of a compiled loop is worth."""


def predicted_covariance(problem: Problem, start: ArrayLike, settings: Settings) -> Array:
    """Return the covariance of the endpoints of single trajectories, to leading order in the step size.

    That of trajectories, also with reversed pairs: the mean over a pair has a smaller one.

    Parameters
    ----------
    problem : Problem
        At most 1000 parameters, each of which takes a pass over the data for every evaluation.
    start : (d,)
    settings : Settings

    Returns
    -------
    (d, d)
        Zero for a sampling that draws nothing. NaN where the flow grows beyond all bounds (1e60) or is too
        stiff to be integrated.

    Raises
    ------
    InputError
        If the start is not a point, the settings do not fit, the problem is too large, or a step is not
        plain SGD: with momentum, substeps, a schedule or Adam.

    Examples
    --------
    >>> from mcsgd import Settings, simulate
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> settings = Settings(step_size=1e-3, trajectories=10_000)
    >>> cloud = simulate(problem, [1.0, 0.5], settings)
    >>> np.allclose(predicted_covariance(problem, [1.0, 0.5], settings) / cloud.covariance, 1, atol=0.05)
    True
    """
    checks = Checks()
    w0 = check_given(checks, problem, start, settings)
    checks.done()
    check_plain(settings)
    settings.check_with(problem)
    d, time = problem.parameters, settings.flow_time(problem)
    if not settings.random:
        return np.zeros((d, d))
    shuffled = shuffled_units(problem, settings.sampling, settings.design)
    check_size(shuffled)
    flow = vector_field(problem, settings, SAMPLINGS[settings.sampling].field)
    spread = spread_of(problem, settings)

    def joint(state: Array) -> Array:
        w, x = state[:d], state[d:].reshape(shape)
        H = mean_hessian_vectors(shuffled.whole, w, np.eye(d))
        return np.concatenate([flow(w), (spread.decay(H, x) + spread.source(w) / unit).ravel()])

    with np.errstate(all="ignore"):
        source = spread.source(w0)
        shape, largest = source.shape, time * float(np.abs(source).max(initial=0.0))
        scale = max(np.abs(w0).max(), np.abs(time * flow(w0)).max(), np.finfo(float).tiny)
        unit = largest / scale or 1.0  # so that what is added up is about as large as the parameters
        path = solve_flow(
            joint, np.append(w0, np.zeros(source.size)), np.array([0.0, time]), RTOL, scale, settings.epochs
        )
    if len(path) == 1:
        return np.full((d, d), np.nan)
    return spread.covariance(unit * path[-1, d:].reshape(shape))


def check_plain(settings: Settings) -> None:
    """Raise InputError naming every setting by which a step is not w - eps g with one eps."""
    checks = Checks()
    for name in settings.extras:
        checks.fail(name, f"must be left at its default for this prediction, got {getattr(settings, name)!r}")
    checks.done()


def default_covariance(problem: Problem, start: ArrayLike, settings: Settings) -> Array | None:
    """Return `predicted_covariance`, or None where there is none or it takes long, to be had unasked.

    Examples
    --------
    >>> from mcsgd import Settings
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> default_covariance(problem, [1.0, 0.5], Settings(step_size=1e-3)).shape
    (2, 2)
    >>> default_covariance(problem, [1.0, 0.5], Settings(step_size=1e-3, momentum=0.9)) is None
    True
    """
    if not (settings.plain and settings.random) or _cost(problem, settings) > AFFORDABLE:
        return None
    found = Checks().attempt(lambda: predicted_covariance(problem, start, settings))
    return found if found is not None and np.isfinite(found).all() else None


def _cost(problem: Problem, settings: Settings) -> float:
    """Return the multiply-adds of a prediction, up to a factor."""
    m, N, d = problem.batches, problem.examples, problem.parameters
    units = N if settings.sampling == "reshuffle-examples" else m
    rank = {"shuffle-once": m, "with-replacement": 0}.get(settings.sampling, min(units - 1, d))
    products = rank * units * d**2
    return float((EVALUATIONS + settings.epochs) * ((d + rank) * (N * d + CALL) + products))


class _Spread(NamedTuple):
    """A linear differential equation x' = decay(H, x) + source(w), and the covariance that x stands for."""

    source: VectorField
    decay: Callable[[Array, Array], Array]
    settled: Callable[[Array, Array], Array]  # x of (H, source), where x' = 0
    covariance: Callable[[Array], Array]


def spread_of(problem: Problem, settings: Settings) -> _Spread:
    """Return the equation for a sampling that draws something."""
    return _SPREADS[settings.sampling](problem, settings)


def _fresh_noise(rate: VectorField) -> _Spread:
    """Of independent noise of covariance rate(w) per time: x is the covariance itself."""
    return _Spread(
        rate, lambda H, P: -(H @ P) - P @ H, solve_continuous_lyapunov, lambda P: np.asarray((P + P.T) / 2)
    )


def _fresh_orders(problem: Problem, settings: Settings) -> _Spread:
    shuffled = shuffled_units(problem, settings.sampling, settings.design)
    eps, m, unequal = settings.step_size, problem.batches, shuffled.first_order_noise

    def rate(w: Array) -> Array:
        noise = eps**3 / m * order_covariance(shuffled, w)
        return noise + eps / m * unequal * _squared_deviations(shuffled.units, w) if unequal else noise

    return _fresh_noise(rate)


def _draws(problem: Problem, settings: Settings) -> _Spread:
    return _fresh_noise(lambda w: settings.step_size / problem.batches * _squared_deviations(problem, w))


def _squared_deviations(units: Problem, w: Array) -> Array:
    """Return sum_i (g_i - g) (g_i - g)^T, (d, d)."""
    g = units.gradients(w)
    g -= g.mean(axis=0)
    return np.asarray(g.T @ g)


def _one_order(problem: Problem, settings: Settings) -> _Spread:
    """Of one order for all epochs: x are the responses to all pairs of batches, (m (m - 1)/2, d)."""
    m, d = problem.batches, problem.parameters
    checks = Checks()
    if m * (m - 1) // 2 * d > MOST_NUMBERS:
        checks.fail(
            "sampling",
            f"shuffle-once takes the responses of {d} parameters to {m * (m - 1) // 2} pairs of batches; the "
            f"limit is {MOST_NUMBERS:.0e} numbers",
        )
    checks.done()
    first, second = np.triu_indices(m, 1)

    def source(w: Array) -> Array:
        g = problem.gradients(w)
        h = np.stack([problem.hessian_vectors(w, g_b) for g_b in g], axis=1)  # H_a g_b
        return np.asarray(settings.step_size / m * (h[first, second] - h[second, first]))

    def covariance(z: Array) -> Array:
        Z = np.zeros((m, d))
        np.add.at(Z, first, z)
        np.subtract.at(Z, second, z)
        return np.asarray((Z.T @ Z + z.T @ z) / 12)

    return _Spread(source, lambda H, z: -z @ H, lambda H, y: solve(H, y.T, assume_a="pos").T, covariance)


_SPREADS: dict[str, Callable[[Problem, Settings], _Spread]] = {
    "random-order": _fresh_orders,
    "reshuffle-examples": _fresh_orders,
    "shuffle-once": _one_order,
    "with-replacement": _draws,
}
