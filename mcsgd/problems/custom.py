"""The user's own loss: a plain Python gradient function, compiled."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsgd.checks import Checks
from mcsgd.errors import InputError
from mcsgd.kernels import steps
from mcsgd.kernels.emit import LANES
from mcsgd.kernels.jit import INDICES, VECTOR, user_jit
from mcsgd.kernels.pointers import pointer_to
from mcsgd.problems.at_once import gradient_of_eight
from mcsgd.problems.base import Array, Batch, Kernels, Problem
from mcsgd.problems.custom_checks import check_fills, check_gradient, check_indices
from mcsgd.problems.differences import central_difference
from mcsgd.problems.sources import plain, source_of
from mcsgd.problems.stepper import Stepper, padded_to, side_by_side

COMPLEX_STEP = 1e-30
MEETING = 4
"""Trajectories at each batch from which on eight at once are faster than one by one."""


def _compile(argument: str, function: Callable[..., Any], types: tuple[Any, ...]) -> Any:
    """Compile a user's function for float64, or say why it cannot be."""
    returns, meaning = (
        (numba.types.Number, "a number")
        if argument == "loss"
        else (numba.types.NoneType, "nothing, and fill `out`")
    )
    compiled = user_jit(function)
    try:
        compiled.compile(types)
    except Exception as error:  # not all of numba's errors, nor those of a wrong signature, are NumbaErrors
        reason = str(error).strip()
        raise InputError([(argument, f"must be code that numba can compile:\n{reason}")]) from None
    found = compiled.overloads[types].signature.return_type
    if not isinstance(found, returns):
        raise InputError([(argument, f"must return {meaning}, got {found}")])
    return compiled


def _data_item(checks: Checks, position: int, item: Any) -> Any:
    """Check one entry of the data tuple: a number, or an array copied to float64 or int64."""
    if isinstance(item, int | np.integer):
        return checks.integer(f"data[{position}]", int(item), at_least=-(2**63))
    if np.isscalar(item):
        return checks.number(f"data[{position}]", item)
    try:
        array = np.array(item)
    except ValueError:  # a ragged list, which checks.array reports
        return checks.array(f"data[{position}]", item, (None,), "an array")
    if array.dtype.kind in "iub":
        array = array.astype(np.int64)
        array.flags.writeable = False
        return array
    return checks.array(f"data[{position}]", item, (None,) * array.ndim, "an array")


class Custom(Problem):
    """A problem given by the user's own functions, written in the part of Python that numba compiles.

    Over fixed batches, one call of the gradient steps eight trajectories, several times as fast, where
    its code allows (`at_once` tells): arithmetic and functions of numbers and of arrays in one dimension, no
    decision (``if``, ``while``) by what depends on `w`; ``np.where``, ``max`` and ``min`` choose without.
    Few trajectories are stepped in the same way, so that their bits are those of many.

    Parameters
    ----------
    gradient : callable
        ``gradient(w, batch, data, out)`` fills `out` (d,) with the gradient of the batch's mean loss
        at `w` (d,); `batch` (b,) holds the indices of its examples (int64).
    data : tuple
        Arrays and numbers, handed to the functions as they are (arrays as read-only copies, real
        ones in float64, integer ones in int64).
    parameters, examples, batch_size : int
        d, N and B; if B does not divide N, the last batch is smaller (see `Problem`).
    loss : callable, optional
        ``loss(w, batch, data) -> float``. If given, the gradient is checked against it once.
    hessian_vector : callable, optional
        ``hessian_vector(w, batch, data, v, out)``. If not given, it comes from the gradient: by a
        complex step where the gradient compiles for complex w and is analytic (exact to rounding; write
        powers as products, for complex powers are rounded too coarsely),
        else by a 4th-order central difference (relative error about 1e-10). The attribute
        `derivatives` says which: "formula", "complex step" or "central difference".
    check_at : (d,), optional
        Where the checks are made; a fixed random point near the origin if not given.

    Raises
    ------
    InputError
        If an argument is wrong or a function does not compile.

    Warns
    -----
    McsgdWarning
        If the gradient does not agree with the loss; the worst coordinate is named.

    Examples
    --------
    >>> def gradient(w, batch, data, out):
    ...     (x,) = data
    ...     out[:] = 0.0
    ...     for i in batch:
    ...         r = w - x[i]
    ...         out += r * r * r / batch.size
    >>> import numpy as np
    >>> problem = Custom(gradient, (np.eye(4),), parameters=4, examples=4, batch_size=2)
    >>> problem.derivatives
    'complex step'
    """

    kind = "custom"

    def __init__(
        self,
        gradient: Callable[..., None],
        data: tuple[Any, ...],
        parameters: int,
        examples: int,
        batch_size: int,
        loss: Callable[..., float] | None = None,
        hessian_vector: Callable[..., None] | None = None,
        check_at: ArrayLike | None = None,
    ) -> None:
        gradient, loss, hessian_vector = (plain(f) for f in (gradient, loss, hessian_vector))
        checks = Checks()
        parameters = checks.integer("parameters", parameters, at_least=1)
        examples = checks.integer("examples", examples, at_least=1)
        if not isinstance(data, tuple) or not data:
            found = "an empty one" if isinstance(data, tuple) else type(data).__name__
            checks.fail("data", f"must be a tuple of at least one array or number, got {found}")
            data = (0.0,)
        held = tuple(_data_item(checks, i, item) for i, item in enumerate(data))
        for name, function in (("gradient", gradient), ("loss", loss), ("hessian_vector", hessian_vector)):
            if not inspect.isfunction(function) and (name == "gradient" or function is not None):
                checks.fail(name, f"must be a function, got {function!r}")
        checks.done()
        self._sources = [source_of(f) for f in (gradient, loss, hessian_vector) if f is not None]
        types = (VECTOR, INDICES, numba.typeof(held))
        kernels = Kernels(
            loss=loss and _compile("loss", loss, types),
            gradient=_compile("gradient", gradient, (*types, VECTOR)),
            hessian_vector=hessian_vector
            and _compile("hessian_vector", hessian_vector, (*types, VECTOR, VECTOR)),
            third_derivative=None,
        )
        super().__init__(kernels, held, examples, parameters, batch_size)
        near = np.random.default_rng(0).normal(size=parameters) * 0.1 if check_at is None else check_at
        self._near = point = self._vector("check_at", near)
        batches = {k: self._rows(k)[0] for k in sorted({0, self.batches - 1})}  # the last may be smaller
        check_indices(gradient, held, batches.values(), point)
        check_fills(kernels.gradient, held, batches[0], point)
        self.derivatives = "formula" if hessian_vector else self._pick_derivative(gradient, point)
        if loss is not None:
            check_gradient(kernels, held, batches, point)

    def digest(self) -> str:
        """Return a hash of the data and of the functions' source."""
        return hashlib.sha256(
            "\0".join([super().digest(), str(self.examples), *self._sources]).encode()
        ).hexdigest()

    def loss(self, w: ArrayLike, batch: Batch = None) -> float:
        """Loss at w; see `Problem.loss`. Raises InputError if no loss was given."""
        if self.kernels.loss is None:
            raise InputError([("loss", "was not given for this custom problem")])
        return super().loss(w, batch)

    # For the simulation -----------------------------------------------------------------------

    @property
    def at_once(self) -> int:
        """Trajectories whose steps on a fixed batch one call of the gradient makes: 8, or 1."""
        return 1 if self._across is None else LANES

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel: eight trajectories at once for fixed batches, if the gradient allows."""
        d, size = self.parameters, padded_to(self.parameters)
        few = side_by_side(size + self.batches) < MEETING * self.batches
        if reshuffled or few or self._across is None:
            return super().stepper(reshuffled)
        gradient = pointer_to(self._across, VECTOR, INDICES, self.data_type, VECTOR)
        return Stepper(steps.eight_at_once, self.data, size, np.arange(d), gradient=gradient)

    @cached_property
    def _across(self) -> Any | None:
        """The gradient of eight trajectories at once, if it can be had."""
        batches = [self._rows(k)[0] for k in {0, self.batches - 1}]
        return gradient_of_eight(self.kernels.gradient, self.data, batches, self._near)

    # Derivatives from the gradient ------------------------------------------------------------

    def hessian_vector(self, w: ArrayLike, v: ArrayLike, batch: Batch = None) -> Array:
        """Hessian times v, (d,); see `derivatives` for how."""
        point, direction = self._vector("w", w), self._vector("v", v)
        curves = [self._curve(point, rows, direction) for rows in self._rows(batch)]
        return np.asarray(np.mean(curves, axis=0))

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike, batch: Batch = None) -> Array:
        """T[u, v] (d,) by a 4th-order central difference of the Hessian-vector product along u."""
        point, a, b = (self._vector(name, x) for name, x in (("w", w), ("u", u), ("v", v)))

        def third(rows: NDArray[np.int64]) -> Array:
            return central_difference(lambda x: self._curve(x, rows, b), point, a)

        return np.asarray(np.mean([third(rows) for rows in self._rows(batch)], axis=0))

    def hessian_vectors(self, w: Array, V: Array) -> Array:
        """H_k V_k for all batches, (m, d)."""
        V = np.broadcast_to(V, (self.batches, self.parameters))
        return np.array([self.hessian_vector(w, V[k], k) for k in range(self.batches)])

    def third_derivatives(self, w: Array, U: Array, V: Array) -> Array:
        """T_k[U_k, V_k] for all batches, (m, d)."""
        shape = (self.batches, self.parameters)
        U, V = np.broadcast_to(U, shape), np.broadcast_to(V, shape)
        return np.array([self.third_derivative(w, U[k], V[k], k) for k in range(self.batches)])

    def _slope(self, w: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
        out = np.empty_like(w)
        kernel = self._complex_gradient if np.iscomplexobj(w) else self.kernels.gradient
        kernel(w, rows, self.data, out)
        return out

    def _curve(self, w: Array, rows: NDArray[np.int64], v: Array) -> Array:
        if self.kernels.hessian_vector is not None:
            out = np.empty_like(w)
            self.kernels.hessian_vector(w, rows, self.data, v, out)
            return out
        if self.derivatives == "complex step":
            return np.asarray(self._slope(w + 1j * COMPLEX_STEP * v, rows).imag / COMPLEX_STEP)
        return central_difference(lambda x: self._slope(x, rows), w, v)

    def _pick_derivative(self, gradient: Callable[..., None], w: Array) -> str:
        """Use the complex step if the gradient compiles for it and agrees with a central difference."""
        self.derivatives = "complex step"
        self._complex_gradient = user_jit(gradient)
        rows = self._rows(0)[0]
        v = np.random.default_rng(1).normal(size=w.size)
        difference = central_difference(lambda x: self._slope(x, rows), w, v)
        try:
            with warnings.catch_warnings():  # a discarded imaginary part is a sign, not the user's concern
                warnings.simplefilter("error")
                step = self._curve(w, rows, v)
        except Exception:  # of many classes: it was not written for complex numbers
            return "central difference"
        scale = np.abs(difference).max() + np.finfo(float).tiny
        return "complex step" if np.abs(step - difference).max() < 1e-6 * scale else "central difference"
