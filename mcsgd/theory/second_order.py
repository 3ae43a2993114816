"""Modified vector fields to second order in the step size: w' = f0 + eps f1 + eps^2 f2.

Source: the expansion of one run, w_n = w_0 - eps n g + eps^2 xi - eps^3 eta + O(eps^4), with

    xi  = sum_{i<j} H_j g_i,   eta = sum_{i<j<k} H_k H_j g_i + (1/2) sum_k T_k[S_k, S_k],
    S_k = sum_{i<k} g_i        (i before j before k in the order of visits),

compared with that of a flow over time n eps (backward error analysis; Hairer, Lubich and Wanner,
chapter IX):

    f1 = xi / n - (n/2) H g
    f2 = -eta / n + (n/2) (H f1 + f1' g) + (n^2/6) (T[g, g] + H H g)

for the means of xi and eta over the sampling, or for those of one order. The results for each sampling
stand in its function. Only that of full batches is in the literature; the others are this
package's own and are held to brute force over all orders by its tests.

What an evaluation costs, in passes over the data: 6 for given-order, 4 for full-batch. The means
over orders hold sums over all pairs of batches, as T[Sigma] and <H_k H g_k>. These are
had from a basis of the deviations g_k - g, with 2 passes for each of its at most min(m - 1, d) vectors
(N in place of m where examples are reshuffled): see `passes`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from mcsgd.problems.base import Array, Problem
from mcsgd.schemes import SAMPLINGS
from mcsgd.settings import Settings
from mcsgd.theory.deviations import directions, mean_hessian_vectors, third_derivative_of_covariance
from mcsgd.theory.first_order import VectorField, gd, sgd
from mcsgd.theory.units import shuffled_units

__all__ = ["passes", "second_order"]


def second_order(problem: Problem, settings: Settings) -> VectorField:
    """Return f0 + eps f1 + eps^2 f2 of the mean endpoint, for the sampling in use.

    - random-order, with means < > over batches:
      f2 = -(m/12) (H <H_k g_k> + <H_k H_k> g - 2 <H_k H g_k> + <T[g_k, g_k]> - <T_k[g_k, g]>)
      - (1/3) <H_k H_k g_k> - (1/12) <T_k[g_k, g_k]>.
    - shuffle-once: the same, to third order in eps at a fixed number of epochs. Over a fixed time, the
      mean departs by another eps^2, for all epochs have the same order: no field of w alone tells.
    - reshuffle-examples: the same over examples with other weights, also for a smaller last batch.
    - with-replacement: f2 = -(1/3) H H g - (1/12) T[g, g] - ((n - 1)/4) T[Sigma], n the draws of the whole
      run and Sigma the covariance of the g_k: see `_with_replacement`.
    - full-batch: f2 = -(1/3) H H g - (1/12) T[g, g].
    - given-order: that order's own, see `_given_order`.
    """
    first = sgd if SAMPLINGS[settings.sampling].field == "sgd" else gd
    lower, f2, eps = first(problem, settings), _F2[settings.sampling](problem, settings), settings.step_size
    return lambda w: lower(w) + eps**2 * f2(w)


def passes(problem: Problem, settings: Settings) -> int:
    """Return how many passes over the data an evaluation of `second_order` takes, at most."""
    m, d = problem.batches, problem.parameters
    rank = {"given-order": 0, "full-batch": 0, "reshuffle-examples": min(problem.examples - 1, d)}
    return 8 + 2 * rank.get(settings.sampling, min(m - 1, d))


class _Weights(NamedTuple):
    """Of the terms that f2 is a sum of; i runs over the units that are shuffled."""

    HHg: float  # of H H g
    HHgi: float  # of H <H_i g_i>
    HiHig: float  # of <H_i H_i> g
    HiHgi: float  # of <H_i H g_i>
    HiHigi: float  # of <H_i H_i g_i>
    Tgg: float  # of T[g, g]
    Tgigi: float  # of <T[g_i, g_i]>
    Tigig: float  # of <T_i[g_i, g]>
    Tigigi: float  # of <T_i[g_i, g_i]>


def _weights(m: int, n: int, same: Fraction) -> _Weights:
    """Return the weights in f2 of m batches cut from n shuffled units.

    By exchangeability, the means of xi and eta are sums of the means over distinct units,

        E xi  = (m (m-1) / 2) E[H_a g_b]
        E eta = (m (m-1) (m-2) / 6) (E[H_a H_b g_c] + E T_a[g_b, g_c])
                + (m (m-1) / 4) (same E T_a[g_b, g_b] + (1 - same) E T_a[g_b, g_c]),

    `same` being the probability that two draws of a unit from a batch that another follows are the
    same unit: 1 / B where B divides n, and 1 where the units are the batches.
    """
    k2 = Fraction(m - 1, max(n - 1, 1))
    triples = max((n - 1) * (n - 2), 1)  # with fewer units there are no three batches either
    hessians = Fraction((m - 1) * (m - 2), 6 * triples)
    thirds = hessians + (m - 1) * (1 - same) / (4 * triples)
    pairs = same * k2 / 4
    weights = (
        Fraction(m * m, 6) - m * (1 - k2) / 2 - n * n * hessians,
        n * hessians - m * k2 / 4,
        n * hessians - m * k2 / 4,
        n * hessians,
        -2 * hessians,
        Fraction(m * m, 6) - m * (1 - k2) / 4 - n * n * thirds,
        n * (thirds - pairs),
        2 * n * thirds - m * k2 / 4,
        pairs - 2 * thirds,
    )
    return _Weights(*map(float, weights))


def _shuffled(problem: Problem, settings: Settings) -> VectorField:
    """The batches, or the examples in them, in random order.

    Where a smaller batch of examples weighs them unequally, an epoch has noise of covariance eps^2 V, and
    several have another -((epochs - 1)/4) T[V], as in `_with_replacement`.
    """
    shuffled = shuffled_units(problem, settings.sampling, settings.design)
    units, whole, orders = shuffled
    same = sum(map(_same_unit, orders), Fraction(0)) / len(orders)
    c = _weights(problem.batches, units.batches, same)
    of_spread = c.Tgigi / units.batches - (settings.epochs - 1) / 4 * shuffled.first_order_noise

    def f2(w: Array) -> Array:
        g_i = units.gradients(w)
        g = g_i.mean(axis=0)
        H_g, H_gi = units.hessian_vectors(w, g), units.hessian_vectors(w, g_i)
        Hg = H_g.mean(axis=0)
        left, basis = directions(g_i - g)
        Hgi = Hg + left @ mean_hessian_vectors(whole, w, basis)
        inner = c.HHg * Hg + c.HHgi * H_gi.mean(axis=0) + c.HiHig * H_g + c.HiHgi * Hgi + c.HiHigi * H_gi
        hessians = units.hessian_vectors(w, inner)
        thirds = units.third_derivatives(w, g_i, c.Tigigi * g_i + c.Tigig * g)
        thirds += (c.Tgg + c.Tgigi) * units.third_derivatives(w, g, g)
        spread = third_derivative_of_covariance(whole, w, basis)
        return np.asarray((hessians + thirds).mean(axis=0) + of_spread * spread)

    return f2


def _same_unit(sizes: tuple[int, ...]) -> Fraction:
    """Return the mean of 1/(size of batch i) over pairs of places i < j; 1 if there are none."""
    m = len(sizes)
    total = sum((Fraction(m - 1 - i, size) for i, size in enumerate(sizes)), Fraction(0))
    return total / Fraction(m * (m - 1), 2) if m > 1 else Fraction(1)


def _gradient_descent(problem: Problem, settings: Settings) -> VectorField:
    """f2 = -(1/3) H H g - (1/12) T[g, g], of steps on the whole C."""

    def f2(w: Array) -> Array:
        g = problem.gradients(w).mean(axis=0)
        Hg = problem.hessian_vectors(w, g).mean(axis=0)
        hessians, thirds = problem.hessian_vectors(w, Hg), problem.third_derivatives(w, g, g)
        return np.asarray(-hessians.mean(axis=0) / 3 - thirds.mean(axis=0) / 12)

    return f2


def _with_replacement(problem: Problem, settings: Settings) -> VectorField:
    """f2 of gradient descent - ((n - 1)/4) T[Sigma], n = epochs m.

    The noise of step size eps Sigma moves the mean by -(1/2) T[P], P = t eps Sigma being the covariance
    at time t. A field of w alone can have that right at one time only: here at the end of the run,
    to eps^3 at a fixed number of draws. At a fixed time it is an effect of first order in eps, which this
    field has right to first order in the time.
    """
    draws = settings.epochs * problem.batches
    descent = _gradient_descent(problem, settings)

    def f2(w: Array) -> Array:
        g_k = problem.gradients(w)
        basis = directions(g_k - g_k.mean(axis=0))[1]
        spread = third_derivative_of_covariance(problem, w, basis) / len(g_k)
        return np.asarray(descent(w) - (draws - 1) / 4 * spread)

    return f2


def _given_order(problem: Problem, settings: Settings) -> VectorField:
    """One order's own, with S_k = sum_{i<k} g_i, xi = sum_k H_k S_k, and sums over the batches before k.

    f2 = <H_k (xi/2 - sum_{j<k} H_j S_j + (m/2) sum_{j<k} H_j g - (m^2/3) H g)>
         - (1/2) <T_k[S_k, S_k - m g]> - (m^2/12) T[g, g].
    """
    order, m = np.array(settings.order), problem.batches

    def before(rows: Array) -> Array:
        """For each batch, the sum of the rows of those before it."""
        out = np.zeros_like(rows)
        out[order[1:]] = np.cumsum(rows[order], axis=0)[:-1]
        return out

    def f2(w: Array) -> Array:
        g_k = problem.gradients(w)
        g, S = g_k.mean(axis=0), before(g_k)
        H_S, H_g = problem.hessian_vectors(w, S), problem.hessian_vectors(w, g)
        inner = H_S.sum(axis=0) / 2 - before(H_S) + m / 2 * before(H_g) - m**2 / 3 * H_g.mean(axis=0)
        thirds = problem.third_derivatives(w, S, S - m * g) / 2
        thirds += m**2 / 12 * problem.third_derivatives(w, g, g)
        return np.asarray((problem.hessian_vectors(w, inner) - thirds).mean(axis=0))

    return f2


_F2: dict[str, Callable[[Problem, Settings], VectorField]] = {
    "random-order": _shuffled,
    "shuffle-once": _shuffled,
    "reshuffle-examples": _shuffled,
    "with-replacement": _with_replacement,
    "given-order": _given_order,
    "full-batch": _gradient_descent,
}
