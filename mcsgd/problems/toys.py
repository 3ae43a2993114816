"""Problems small enough to think about: the a b x factorisation, and quadratic batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.kernels import toy_steps, toys
from mcsgd.problems.base import Kernels, Problem
from mcsgd.problems.stepper import Stepper, affine_stepper, batch_means, number_table

MOST_BY_LANES = 16
"""Parameters up to which trajectories go side by side: each needs all numbers of its batch's Hessian."""


class ScalarFactorization(Problem):
    """The toy of Barrett and Dherin (2021): C_i(a, b) = (a b x_i - y_i)^2 / 2, w = (a, b).

    Parameters
    ----------
    x, y : (N,)
        Inputs and targets. The paper's have N = 1: x = 1, y = 0.6, started from (2.8, 3.5).
    batch_size : int

    Raises
    ------
    InputError
        If x and y are not finite vectors of equal length, or the batch size does not fit.

    Examples
    --------
    >>> problem = ScalarFactorization(x=[1.0], y=[0.6])
    >>> problem.gradient([1.0, 2.0]).tolist()
    [2.8, 1.4]
    """

    kind = "scalar-factorization"

    def __init__(self, x: ArrayLike, y: ArrayLike, batch_size: int = 1) -> None:
        checks = Checks()
        inputs = checks.array("x", x, (None,), "a vector")
        examples = checks.length("x", inputs)
        targets = checks.array("y", y, (examples or None,), "a vector as long as x")
        kernels = Kernels(
            toys.factorization_loss,
            toys.factorization_gradient,
            toys.factorization_hessian_vector,
            toys.factorization_third_derivative,
        )
        super().__init__(kernels, (inputs, targets), examples, 2, batch_size, checks)

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel; see `Problem.stepper`."""
        if reshuffled:
            return super().stepper(reshuffled)
        x, y = self.data
        table = number_table(batch_means(np.stack([x * x, x * y], axis=1), self.batch_size), 2)
        return Stepper(toy_steps.factorization, (table,), 2, np.arange(2), by_lanes=True)


class Quadratic(Problem):
    """Quadratic losses with their own Hessian and centre: C_i(w) = (w - c_i)^T H_i (w - c_i) / 2.

    Parameters
    ----------
    hessians : (N, d, d)
        Symmetric; any sign.
    centers : (N, d)
    batch_size : int
        1 makes each of them a batch.

    Raises
    ------
    InputError
        If the shapes do not fit, a Hessian is not symmetric, or the batch size does not fit.
    """

    kind = "quadratic"

    def __init__(self, hessians: ArrayLike, centers: ArrayLike, batch_size: int = 1) -> None:
        checks = Checks()
        c = checks.array("centers", centers, (None, None), "one centre a row")
        examples = checks.length("centers", c)
        shape = (examples, c.shape[1], c.shape[1]) if examples else (None, None, None)
        H = checks.array("hessians", hessians, shape, "a stack of matrices")
        if checks.passed("centers"):
            skew = np.abs(H - H.transpose(0, 2, 1)).max(axis=(1, 2))
            wrong = np.flatnonzero(skew > 1e-12 * np.abs(H).max(axis=(1, 2)))
            if len(wrong):
                checks.fail("hessians", f"must be symmetric, got [{wrong[0]}] off by {skew[wrong[0]]:g}")
        kernels = Kernels(
            toys.quadratic_loss,
            toys.quadratic_gradient,
            toys.quadratic_hessian_vector,
            toys.quadratic_third_derivative,
        )
        super().__init__(kernels, (H, c), examples, c.shape[1], batch_size, checks)

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel; see `Problem.stepper`."""
        if reshuffled or self.parameters > MOST_BY_LANES:
            return super().stepper(reshuffled)
        H, c = self.data
        pulls = (H * c[:, None, :]).sum(axis=2)  # a matrix product has the bits of a BLAS
        return affine_stepper(batch_means(H, self.batch_size), batch_means(pulls, self.batch_size))
