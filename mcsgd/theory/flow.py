"""Integration of a modified flow, far more accurately than any Monte Carlo error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from mcsgd.checks import Checks
from mcsgd.flow import Flow
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.fields import vector_field

__all__ = ["integrate"]

RTOL = 1e-12
PATH_POINTS = 100


def integrate(problem: Problem, start: ArrayLike, settings: Settings, field: str = "sgd") -> Flow:
    """Integrate a modified flow over the whole run by DOP853 (Dormand and Prince, order 8).

    Parameters
    ----------
    problem : Problem
    start : (d,)
    settings : Settings
        Its step size, sampling and epochs fix the field and the time epochs * m * eps.
    field : str
        A key of `mcsgd.theory.FIELDS`.

    Returns
    -------
    Flow
        Relative tolerance 1e-12. A flow that leaves the finite numbers has a message and
        a NaN endpoint: failure is data, as for trajectories.

    Raises
    ------
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> from mcsgd import Settings
    >>> from mcsgd.problems import Quadratic
    >>> problem = Quadratic(hessians=[[[1.0]]], centers=[[0.0]])
    >>> flow = integrate(problem, [1.0], Settings(step_size=0.1), field="gradient")
    >>> abs(flow.endpoint[0] - np.exp(-0.1)) < 1e-13
    np.True_
    """
    checks = Checks()
    w0 = checks.array("start", start, (problem.parameters,), "one number for each parameter")
    checks.done()
    f = vector_field(problem, settings, field)
    points = settings.epochs * -(-PATH_POINTS // settings.epochs) + 1
    time = np.linspace(0.0, settings.flow_time(problem), points)

    def blown_up(_: float, w: Array) -> float:
        return 1e100 - float(np.abs(w).max())

    blown_up.terminal = True  # type: ignore[attr-defined]
    # Absolute tolerance by where the flow is and how far it goes, so that it may start at the origin.
    with np.errstate(all="ignore"):
        scale = np.nanmax([*np.abs(w0), *np.abs(time[-1] * f(w0)), 1e-150])
        solution = solve_ivp(
            lambda _, w: f(w),
            (0.0, time[-1]),
            w0.copy(),
            method="DOP853",
            rtol=RTOL,
            atol=RTOL * scale,
            t_eval=time,
            events=blown_up,
        )
    path = np.reshape(solution.y, (w0.size, -1)).T
    if solution.status == 0 and np.isfinite(path).all():
        return Flow(field, time, path, path[-1], derivatives=problem.derivatives)
    reached = solution.t[-1] if len(solution.t) else 0.0
    message = f"left the finite numbers or became too stiff after time {reached:g} of {time[-1]:g}"
    return Flow(field, solution.t, path, np.full(w0.size, np.nan), message, problem.derivatives)
