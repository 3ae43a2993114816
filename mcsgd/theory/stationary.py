"""Where the mean settles at a constant step size, and the cloud around it.

Iterates of a constant step size do not converge. Their mean settles near a zero of a modified field, inside
a cloud of a fixed width. C_GD has the stationary points of C. At a minimum of C, where g = 0, the field of
shuffled SGD is -(eps/2m) sum_k H_k g_k, and C_SGD (Smith, Dherin, Barrett, De 2021) has its minimum at

    w* = w_C - (eps/4m) H^{-1} grad sum_k |g_k|^2 + O(eps^2),

the same point where all g_k vanish there (interpolation) or all H_k are equal. The cloud's covariance P
is where the equation of `mcsgd.theory.covariance` stands still; with a fresh order each epoch,

    H P + P H = (eps^3 / m) Cov(xi).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.linalg import solve
from scipy.optimize import root

from mcsgd.checks import Checks
from mcsgd.given import check_given, check_kinds
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.covariance import check_plain, spread_of
from mcsgd.theory.deviations import mean_hessian_vectors
from mcsgd.theory.expansion import MOST_PARAMETERS, check_size
from mcsgd.theory.fields import FIELDS, vector_field
from mcsgd.theory.units import shuffled_units

__all__ = ["Stationary", "minima", "stationary_covariance", "stationary_point"]

SINGULAR = 1e-11
"""A Hessian's smallest eigenvalue, relative to its largest, that is not told from zero."""
XTOL, CONVERGED = 1e-13, 1e-9
MOST_EVALUATIONS = 500
GRADIENT_LEFT, LONGEST, FLOW_RTOL = 1e-4, 1e8, 1e-4


@dataclass(frozen=True, eq=False)
class Stationary:
    """A zero of a modified field.

    Attributes
    ----------
    field : str
    point : (d,)
    residual : float
        Norm of the field at `point`: what rounding leaves of it.
    iterations : int
        Evaluations of the field.
    """

    field: str
    point: Array
    residual: float
    iterations: int

    def __repr__(self) -> str:
        point = np.array2string(self.point, threshold=6)
        return f"Stationary({self.field}, {point}, residual {self.residual:.1e})"


def stationary_point(
    problem: Problem, settings: Settings, guess: ArrayLike, field: str = "sgd"
) -> Stationary:
    """Return the zero of a modified field near a guess, by Powell's hybrid method.

    That of the mean's own field is where the mean of many trajectories settles, to the order of the field.
    With replacement, and where the last of reshuffled batches is smaller, the cloud is so wide that it
    moves the mean by another first order in eps, -(1/2) H^{-1} T[P], P its covariance; with shuffle-once by
    a second order.

    Parameters
    ----------
    problem : Problem
        At most 1000 parameters.
    settings : Settings
        Their step size and sampling fix the field; plain SGD.
    guess : (d,)
        Near the minimum, such as that of C.
    field : str
        A key of `mcsgd.theory.FIELDS`; not second-order where that depends on how long the run is.

    Returns
    -------
    Stationary

    Raises
    ------
    InputError
        If an argument is wrong, there is no zero to be found, or the Hessian of C is not positive
        definite there: it is no minimum, or one of a whole valley of them.

    Examples
    --------
    >>> from mcsgd import Settings
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic([[[1.0]], [[3.0]]], [[1.0], [-1.0]])
    >>> settings = Settings(step_size=0.01)
    >>> stationary_point(problem, settings, [0.0], "gradient").point.round(6).tolist()
    [-0.5]
    >>> stationary_point(problem, settings, [0.0], "sgd").point.round(6).tolist()
    [-0.503704]
    """
    checks = Checks()
    check_kinds(checks, problem, settings)
    start = checks.array("guess", guess, (problem.parameters,), "one number for each parameter")
    name = checks.choice("field", field, FIELDS)
    checks.done()
    _check_settings(problem, settings, name)
    f = vector_field(problem, settings, name)
    whole = _whole(problem, settings)
    options = {"xtol": XTOL, "maxfev": MOST_EVALUATIONS}
    with np.errstate(all="ignore"):
        # The Jacobian but for a part of order eps, which the method learns from its steps.
        found = root(f, start, jac=lambda w: -_hessian(whole, w), options=options)
        point = np.asarray(found.x)
        left = f(point)
        residual = float(np.linalg.norm(left))
    if not np.isfinite(residual):
        checks.fail("guess", f"must lead to a zero of the field {name}, which grew beyond all bounds")
        checks.done()
    H = _positive_hessian(whole, point, "guess")
    scale = max(float(np.linalg.norm(point)), float(np.linalg.norm(point - start)))
    if (off := float(np.linalg.norm(solve(H, left, assume_a="pos")))) > CONVERGED * scale:
        checks.fail(
            "guess",
            f"must lead to a zero of the field {name}: after {found.nfev} evaluations the field is still "
            f"{residual:.1e}, and a zero is {off:.1e} away or more",
        )
    checks.done()
    return Stationary(name, point, residual, int(found.nfev))


def minima(
    problem: Problem,
    start: ArrayLike,
    settings: Settings,
    fields: Iterable[str] = ("gradient", "gd", "sgd"),
) -> tuple[Stationary, ...]:
    """Return the zeros of modified fields near that minimum of C to which gradient flow leads.

    The flow is followed roughly, with implicit steps that grow as it slows down (BDF), until its gradient is
    1e-4 of what it was; see `stationary_point` for the rest.

    Parameters
    ----------
    problem : Problem
    start : (d,)
    settings : Settings
    fields : iterable of str

    Returns
    -------
    tuple of Stationary
        One for each field.

    Raises
    ------
    InputError
        As `stationary_point`.

    Examples
    --------
    >>> from mcsgd import Settings
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic([[[1.0]], [[3.0]]], [[1.0], [-1.0]])
    >>> [s.field for s in minima(problem, [5.0], Settings(step_size=0.01))]
    ['gradient', 'gd', 'sgd']
    """
    checks = Checks()
    w0 = check_given(checks, problem, start, settings)
    checks.done()
    _check_settings(problem, settings)
    own = stationary_point(problem, settings, _descended(_whole(problem, settings), w0), "gradient")
    return tuple(
        own if f == "gradient" else stationary_point(problem, settings, own.point, f) for f in fields
    )


def stationary_covariance(problem: Problem, settings: Settings, point: ArrayLike) -> Array:
    """Return the covariance of the cloud in which single trajectories end up, to leading order in eps.

    Its standard deviation is of order eps^(3/2) with fresh orders, eps with one order for all epochs, and
    eps^(1/2) with replacement or batches of unequal size.

    Parameters
    ----------
    problem : Problem
    settings : Settings
        Plain SGD; the number of epochs does not matter.
    point : (d,)
        Where the mean settles: see `stationary_point`.

    Returns
    -------
    (d, d)
        Zero for a sampling that draws nothing. Where the Hessian has eigenvalues of order eps itself, in a
        valley of C, only its order of magnitude is right.

    Raises
    ------
    InputError
        If an argument is wrong, the Hessian of C is not positive definite at the point, or the problem is
        too large.

    Examples
    --------
    >>> from mcsgd import Settings
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic([[[1.0]], [[3.0]]], [[1.0], [-1.0]])
    >>> stationary_covariance(problem, Settings(step_size=0.01), [-0.5]).round(12).tolist()
    [[1.125e-06]]
    """
    checks = Checks()
    check_kinds(checks, problem, settings)
    w = checks.array("point", point, (problem.parameters,), "one number for each parameter")
    checks.done()
    _check_settings(problem, settings)
    H = _positive_hessian(_whole(problem, settings), w, "point")
    if not settings.random:
        return np.zeros_like(H)
    check_size(shuffled_units(problem, settings.sampling, settings.design))
    spread = spread_of(problem, settings)
    source = spread.source(w)
    unit = float(np.abs(source).max(initial=0.0)) or 1.0  # the solver adds up numbers of order 1
    return spread.covariance(unit * spread.settled(H, source / unit))


def _check_settings(problem: Problem, settings: Settings, field: str = "sgd") -> None:
    """Raise InputError where a field has no zeros that the mean could settle at, or they are too costly."""
    check_plain(settings)
    settings.check_with(problem)
    checks = Checks()
    if problem.parameters > MOST_PARAMETERS:
        checks.fail(
            "problem", f"must have at most {MOST_PARAMETERS} parameters for this, got {problem.parameters}"
        )
    unequal = shuffled_units(problem, settings.sampling, settings.design).first_order_noise > 0
    if field == "second-order" and (unequal or settings.sampling == "with-replacement"):
        checks.fail(
            "field", "second-order depends on how long the run is under this sampling, and so would its zeros"
        )
    checks.done()


def _whole(problem: Problem, settings: Settings) -> Problem:
    """Return the problem whose mean loss is the C of the sampling."""
    return shuffled_units(settings.partition(problem), settings.sampling).whole


def _hessian(whole: Problem, w: Array) -> Array:
    H = mean_hessian_vectors(whole, w, np.eye(w.size))
    return np.asarray((H + H.T) / 2)


def _positive_hessian(whole: Problem, w: Array, argument: str) -> Array:
    """Return the Hessian of C, or raise InputError if it is not positive definite."""
    checks, H = Checks(), _hessian(whole, w)
    values = np.linalg.eigvalsh(H) if np.isfinite(H).all() else np.full(1, np.nan)
    if not values[0] > SINGULAR * values[-1]:
        checks.fail(
            argument,
            "must be at or lead to a minimum where the Hessian of C is positive definite: its eigenvalues "
            f"are {values[0]:.3g} to {values[-1]:.3g}",
        )
    checks.done()
    return H


def _descended(whole: Problem, start: Array) -> Array:
    """Return where gradient flow on C has lost most of its gradient, or is after a long time."""

    def slope(w: Array) -> Array:
        return np.asarray(-whole.gradients(w).mean(axis=0))

    with np.errstate(all="ignore"):
        first = float(np.linalg.norm(slope(start)))
        curvature = float(np.abs(np.linalg.eigvalsh(_hessian(whole, start))).max())
        if not first > 0 or not curvature > 0:
            return start

        def steep(_: float, w: Array) -> float:
            return float(np.linalg.norm(slope(w))) - GRADIENT_LEFT * first

        steep.terminal = True  # type: ignore[attr-defined]
        flow = solve_ivp(
            lambda _, w: slope(w),
            (0.0, LONGEST / curvature),
            start,
            method="BDF",
            jac=lambda _, w: -_hessian(whole, w),
            events=steep,
            rtol=FLOW_RTOL,
            atol=FLOW_RTOL**2 * max(float(np.abs(start).max()), first / curvature),
        )
    return np.asarray(flow.y[:, -1])
