"""What a problem is: a mean of example losses, cut into fixed batches."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Literal, Self, TypeAlias

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsgd.checks import Checks
from mcsgd.kernels import batches, steps
from mcsgd.kernels.jit import INDICES, VECTOR, compile_for
from mcsgd.kernels.pointers import Pointer, pointer_to
from mcsgd.problems.stepper import Stepper

Array: TypeAlias = NDArray[np.float64]
Batch: TypeAlias = "int | ArrayLike | None"

MATRIX = numba.types.float64[:, ::1]


@dataclass(frozen=True)
class Kernels:
    """The four jitted functions of a problem; see `mcsgd.kernels` for their signatures."""

    loss: Any
    gradient: Any
    hessian_vector: Any
    third_derivative: Any

    def __reduce__(self) -> tuple[Any, ...]:
        """Send functions of this package by name: sent as they are, they are compiled where they arrive."""
        functions = self.loss, self.gradient, self.hessian_vector, self.third_derivative
        return _received, tuple(map(_sent, functions))


def _sent(function: Any) -> Any:
    module, name = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    ours = module.partition(".")[0] == __name__.partition(".")[0]
    return (module, name) if ours else function


def _received(*functions: Any) -> Kernels:
    return Kernels(*(getattr(import_module(f[0]), f[1]) if isinstance(f, tuple) else f for f in functions))


class Problem:
    """A loss over N examples in m = ceil(N / B) fixed batches, C = (1/m) sum_k C_k.

    Batch k holds the examples k B, ..., k B + B - 1 in the given order; **if B does not divide N,
    the last batch is smaller**, and C, which weighs the batches equally, is then not the mean over
    examples. All of the theory, and the limit of SGD itself, is about this C.

    Problems are immutable; their arrays are read-only copies.

    Parameters
    ----------
    kernels : Kernels
    data : tuple
        Arrays and numbers passed to the kernels.
    examples, parameters, batch_size : int
        N, d and B.

    Raises
    ------
    InputError
        If `batch_size` is not an integer between 1 and N.
    """

    kind: str = "problem"
    additive: bool = True
    """Whether a batch's loss is the mean of its examples' losses."""
    derivatives: str = "formula"
    """How Hessian-vector products are had: "formula", "complex step" or "central difference"."""

    def __init__(
        self,
        kernels: Kernels,
        data: tuple[Any, ...],
        examples: int,
        parameters: int,
        batch_size: int,
        checks: Checks | None = None,
    ) -> None:
        checks = checks or Checks()
        size = checks.integer("batch_size", batch_size, at_least=1)
        if checks.passed("batch_size") and 0 < examples < size:
            checks.fail("batch_size", f"must be <= the number of examples, {examples}; got {size}")
        checks.done()
        self.kernels = kernels
        self.data = data
        self.examples = examples
        self.parameters = parameters
        self.batch_size = size

    @property
    def batches(self) -> int:
        """Number of batches, m."""
        return -(-self.examples // self.batch_size)

    def with_batch_size(self, batch_size: int) -> Self:
        """Return the same examples cut into batches of another size."""
        size = Checks()
        size.integer("batch_size", batch_size, at_least=1, at_most=self.examples)
        size.done()
        other = copy.copy(self)
        other.batch_size = batch_size
        return other

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.parameters} parameters, {self.examples} examples, "
            f"{self.batches} batches of {self.batch_size})"
        )

    def describe(self) -> dict[str, Any]:
        """Return kind and sizes, as plain JSON."""
        return {
            "kind": self.kind,
            "batch_size": self.batch_size,
            "examples": self.examples,
            "parameters": self.parameters,
        }

    def digest(self) -> str:
        """Return a hash of all that determines the gradients: kind, data, batch size."""
        seen = hashlib.sha256(f"{self.kind} {self.batch_size}".encode())
        for item in self.data:
            array = np.ascontiguousarray(item)
            seen.update(f"{array.dtype.str}{array.shape}".encode())
            seen.update(array.tobytes())
        return seen.hexdigest()

    # One batch ------------------------------------------------------------------------------

    def loss(self, w: ArrayLike, batch: Batch = None) -> float:
        """Loss at w (d,): of batch k (an integer), of the given examples (an array), or C (None)."""
        point = self._vector("w", w)
        return float(np.mean([self.kernels.loss(point, rows, self.data) for rows in self._rows(batch)]))

    def gradient(self, w: ArrayLike, batch: Batch = None) -> Array:
        """Gradient (d,) of the same loss as `loss`."""
        return self._mean(self.kernels.gradient, batch, self._vector("w", w))

    def hessian_vector(self, w: ArrayLike, v: ArrayLike, batch: Batch = None) -> Array:
        """Hessian times v, (d,)."""
        return self._mean(self.kernels.hessian_vector, batch, self._vector("w", w), self._vector("v", v))

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike, batch: Batch = None) -> Array:
        """T[u, v] (d,): the vector sum_ij T_{.ij} u_i v_j of third derivatives; linear in u and in v."""
        vectors = [self._vector(name, x) for name, x in (("w", w), ("u", u), ("v", v))]
        return self._mean(self.kernels.third_derivative, batch, *vectors)

    # All batches at once --------------------------------------------------------------------

    def gradients(self, w: Array) -> Array:
        """Gradients of all batches, (m, d)."""
        return self._per_batch("gradient", w)

    def hessian_vectors(self, w: Array, V: Array) -> Array:
        """H_k V_k for all batches, (m, d); V is (m, d), or one vector (d,) for all."""
        return self._per_batch("hessian_vector", w, V)

    def third_derivatives(self, w: Array, U: Array, V: Array) -> Array:
        """T_k[U_k, V_k] for all batches, (m, d); U and V are (m, d), or one vector (d,) for all."""
        return self._per_batch("third_derivative", w, U, V)

    # For the simulation -----------------------------------------------------------------------

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel for fixed batches, or for batches of reshuffled examples."""
        return Stepper(steps.one_by_one, self.data, self.parameters, np.arange(self.parameters))

    # Inside ---------------------------------------------------------------------------------

    @cached_property
    def data_type(self) -> Any:
        """The data's numba type."""
        return numba.typeof(self.data)

    @cached_property
    def _loops(self) -> dict[str, tuple[Pointer, Any]]:
        """The kernels and the compiled loops over batches, by the kernel's name."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was made of it here: it holds addresses of this process."""

        def made(name: str) -> bool:
            return isinstance(getattr(type(self), name, None), cached_property)

        return {name: value for name, value in self.__dict__.items() if not made(name)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was sent. Arrays arrive writable, for which numba has other types and kernels."""
        self.__dict__.update(state)
        for item in self.data:
            if isinstance(item, np.ndarray):
                item.flags.writeable = False

    def pointer(self, name: Literal["gradient", "hessian_vector", "third_derivative"]) -> Pointer:
        """Compile a kernel and return the pointer to it."""
        directions = {"gradient": 0, "hessian_vector": 1, "third_derivative": 2}[name]
        vectors = [VECTOR] * (directions + 1)
        return pointer_to(getattr(self.kernels, name), VECTOR, INDICES, self.data_type, *vectors)

    def _vector(self, name: str, value: ArrayLike) -> Array:
        checks = Checks()
        array = checks.array(name, value, (self.parameters,), "a vector")
        checks.done()
        return array.copy()

    def _rows(self, batch: Batch) -> list[NDArray[np.int64]]:
        if batch is None:
            return [self._rows(k)[0] for k in range(self.batches)]
        checks = Checks()
        if np.ndim(batch) == 0:
            k = checks.integer("batch", batch, at_least=0, at_most=self.batches - 1)
            checks.done()
            return [np.arange(k * self.batch_size, min((k + 1) * self.batch_size, self.examples))]
        rows = np.asarray(batch)
        if rows.dtype.kind not in "iu" or rows.ndim != 1 or rows.size == 0:
            checks.fail("batch", f"must be example indices (n,), got {rows.dtype} of shape {rows.shape}")
        elif rows.min() < 0 or rows.max() >= self.examples:
            checks.fail("batch", f"must hold indices in 0..{self.examples - 1}")
        checks.done()
        return [rows.astype(np.int64)]

    def _mean(self, kernel: Callable[..., None], batch: Batch, w: Array, *vectors: Array) -> Array:
        results = []
        for rows in self._rows(batch):
            out = np.empty(self.parameters)
            kernel(w, rows, self.data, *vectors, out)
            results.append(out)
        return np.asarray(np.mean(results, axis=0))

    def _per_batch(
        self, name: Literal["gradient", "hessian_vector", "third_derivative"], w: Array, *vectors: Array
    ) -> Array:
        out = np.empty((self.batches, self.parameters))
        stacked = [np.empty(out.shape) for _ in vectors]
        for rows, vector in zip(stacked, vectors, strict=True):
            rows[:] = vector
        if name not in self._loops:  # looking a signature up takes longer than most loops
            pointer, integer = self.pointer(name), numba.types.int64
            signature = pointer.type, VECTOR, INDICES, integer, self.data_type, *[MATRIX] * (len(vectors) + 1)
            self._loops[name] = pointer, compile_for(getattr(batches, name + "s"), *signature)
        pointer, loop = self._loops[name]
        examples = np.arange(self.examples)
        point = np.array(w, np.float64)  # a copy: the kernels' types are those of writeable arrays
        loop(pointer, point, examples, self.batch_size, self.data, *stacked, out)
        return out
