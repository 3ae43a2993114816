"""Explicit regularisation: a problem with the norms of its batches' gradients as a penalty."""

from __future__ import annotations

import hashlib
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.kernels import penalized
from mcsgd.kernels.jit import INDICES, VECTOR
from mcsgd.kernels.pointers import pointer_to
from mcsgd.problems.base import Array, Batch, Kernels, Problem
from mcsgd.problems.differences import central_difference

__all__ = ["Penalized"]


class Penalized(Problem):
    """Batch losses C_k + (strength/4) |grad C_k|^2 for the C_k of another problem.

    SGD of a tiny step on them ends where SGD of the step `strength` on the C_k ends, to second order in
    the strength at fixed time (Smith, Dherin, Barrett, De 2021, section 4). The loss of a batch is not
    the mean of its examples' losses, so sampling reshuffle-examples is refused.

    Parameters
    ----------
    problem : Problem
        With its derivatives by formula: all built-in ones.
    strength : float
        lambda >= 0, in units of the step size.

    Raises
    ------
    InputError
        If the problem has no formulas for its derivatives, or the strength is not a number >= 0.

    Examples
    --------
    >>> from mcsgd.problems import ScalarFactorization
    >>> plain = ScalarFactorization(x=[1.0], y=[0.6])
    >>> problem = Penalized(plain, strength=0.1)
    >>> g = plain.gradient([1.0, 2.0])
    >>> bool(np.isclose(problem.loss([1.0, 2.0]) - plain.loss([1.0, 2.0]), 0.1 / 4 * g @ g))
    True
    """

    kind = "penalized"
    additive = False

    def __init__(self, problem: Problem, strength: float) -> None:
        checks = Checks()
        size = checks.number("strength", strength, at_least=0)
        kernels = problem.kernels
        if None in (kernels.loss, kernels.hessian_vector, kernels.third_derivative):
            checks.fail("problem", f"must have formulas for its derivatives, got {problem!r}")
        checks.done()
        self.problem, self.strength = problem, size
        types = VECTOR, INDICES, problem.data_type
        pointers = (
            pointer_to(kernels.loss, *types, returns=numba.types.float64),
            *(problem.pointer(name) for name in ("gradient", "hessian_vector", "third_derivative")),
        )
        own = Kernels(penalized.loss, penalized.gradient, penalized.hessian_vector, None)
        data = (problem.data, size, *pointers)
        super().__init__(own, data, problem.examples, problem.parameters, problem.batch_size)

    def __reduce__(self) -> tuple[Any, ...]:
        """Send what it is made of: its data holds addresses of this process."""
        return type(self), (self.problem.with_batch_size(self.batch_size), self.strength)

    def describe(self) -> dict[str, Any]:
        """Return kind and sizes of the problem inside, and the penalty's strength, as plain JSON."""
        inner = self.problem.with_batch_size(self.batch_size)
        return {**inner.describe(), "gradient_penalty": self.strength}

    def digest(self) -> str:
        """Return a hash of the problem inside and the strength."""
        inner = self.problem.with_batch_size(self.batch_size).digest()
        return hashlib.sha256(f"{self.kind} {self.strength!r} {inner}".encode()).hexdigest()

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike, batch: Batch = None) -> Array:
        """T[u, v] (d,) by a 4th-order central difference of the Hessian-vector product along u."""
        point, along = self._vector("w", w), self._vector("u", u)
        return central_difference(lambda x: self.hessian_vector(x, v, batch), point, along)

    def third_derivatives(self, w: Array, U: Array, V: Array) -> Array:
        """T_k[U_k, V_k] for all batches, (m, d)."""
        shape = (self.batches, self.parameters)
        U, V = np.broadcast_to(U, shape), np.broadcast_to(V, shape)
        return np.array([self.third_derivative(w, U[k], V[k], k) for k in range(self.batches)])
