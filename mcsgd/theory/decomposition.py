"""What a modified loss consists of, along a path: the loss and the two terms of implicit regularisation.

C_SGD = C + (eps/4) |grad C|^2 + (eps/4m) sum_k |grad C_k - grad C|^2 (Smith, Dherin, Barrett, De 2021,
section 2): what full-batch gradient descent adds with its finite step size (Barrett and Dherin 2021), and
what the minibatches add, a penalty on the variance of their gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcsgd.checks import Checks
from mcsgd.display import MOST_ITEMS, Shown, Table, number
from mcsgd.flow import Flow
from mcsgd.problems.base import Array, Problem
from mcsgd.settings import Settings
from mcsgd.theory.covariance import check_plain
from mcsgd.theory.units import shuffled_units

__all__ = ["Decomposition", "check_decomposable", "decompose"]


@dataclass(frozen=True, eq=False)
class Decomposition(Shown):
    """The terms of a modified loss along a flow.

    Attributes
    ----------
    field : str
        Of the flow.
    time : (p,)
    loss : (p,)
        C.
    gradient_term : (p,)
        (eps/4) |grad C|^2.
    variance_term : (p,)
        What the sampling's minibatches add; see `decompose`.
    """

    field: str
    time: Array
    loss: Array
    gradient_term: Array
    variance_term: Array

    @property
    def total(self) -> Array:
        """The modified loss, (p,)."""
        return self.loss + self.gradient_term + self.variance_term

    def tables(self) -> list[Table]:
        """Return a line for each of some times, evenly spread."""
        return [self.terms_table(MOST_ITEMS)]

    def terms_table(self, most: int) -> Table:
        """Return a line for each time, or for so many of them, evenly spread."""
        columns = "time", "loss C", "gradient term", "variance term", "total"
        rows = [
            (
                f"{self.time[i]:.6g}",
                number(self.loss[i], 8),
                number(self.gradient_term[i], 4),
                number(self.variance_term[i], 4),
                number(self.total[i], 8),
            )
            for i in np.unique(np.linspace(0, len(self.time) - 1, most).round().astype(int))
        ]
        return Table(f"Terms of the modified loss along the {self.field} flow", columns, rows, 4)

    def __repr__(self) -> str:
        return f"Decomposition({self.field}, {len(self.time)} points, time 0 to {self.time[-1]:g})"


def decompose(problem: Problem, flow: Flow, settings: Settings) -> Decomposition:
    """Return the terms of the modified loss that the sampling's mean descends, at the points of a flow.

    The variance term is

    - random-order, shuffle-once: (eps/4m) sum_k |grad C_k - grad C|^2;
    - reshuffle-examples: (eps/4) k2 Gamma, Gamma the variance of the examples' gradients and
      k2 = (m - 1)/(N - 1);
    - with-replacement, full-batch: zero.

    Parameters
    ----------
    problem : Problem
        With a loss.
    flow : Flow
        Of any field, from `integrate` for the same problem.
    settings : Settings
        Plain SGD.

    Returns
    -------
    Decomposition

    Raises
    ------
    InputError
        If the problem has no loss, the flow another number of parameters, or the field of the sampling
        is no gradient, as that of given-order.

    Examples
    --------
    >>> from mcsgd import Settings, integrate
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> settings = Settings(step_size=0.01)
    >>> parts = decompose(problem, integrate(problem, [1.0, 0.5], settings), settings)
    >>> bool((np.diff(parts.total) < 0).all())
    True
    """
    checks = Checks()
    d = problem.parameters
    if flow.path.ndim != 2 or flow.path.shape[1] != d:
        checks.fail("flow", f"must have a path of {d} parameters, got one of shape {flow.path.shape}")
    checks.attempt(lambda: check_decomposable(problem, settings))
    checks.done()
    units, whole, _ = shuffled_units(settings.partition(problem), settings.sampling)
    N, m = problem.examples, problem.batches
    share = {
        "reshuffle-examples": (m - 1) / max(N - 1, 1),
        "with-replacement": 0.0,
    }.get(settings.sampling, 1.0)
    terms = np.empty((3, len(flow.path)))
    with np.errstate(all="ignore"):
        for i, w in enumerate(flow.path):
            g_i = units.gradients(w)
            g = g_i.mean(axis=0)
            terms[:, i] = whole.loss(w), g @ g, share * np.mean(np.sum((g_i - g) ** 2, axis=1))
    terms[1:] *= settings.step_size / 4
    return Decomposition(flow.field, flow.time, *terms)


def check_decomposable(problem: Problem, settings: Settings) -> None:
    """Raise InputError if there is no modified loss, or none that can be taken apart."""
    checks = Checks()
    if problem.kernels.loss is None:
        checks.fail("problem", "must have a loss to decompose, and this custom problem was given none")
    if settings.sampling == "given-order":
        checks.fail("sampling", "given-order has a field that is no gradient: there is no modified loss")
    checks.attempt(lambda: check_plain(settings))
    checks.attempt(lambda: settings.check_with(problem))
    checks.done()
