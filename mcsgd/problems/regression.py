"""Regression on a data matrix: linear, logistic and softmax. No intercept: add a column of ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsgd.checks import Checks
from mcsgd.kernels import glm, glm_steps, softmax, softmax_steps
from mcsgd.problems.base import Array, Kernels, Problem
from mcsgd.problems.stepper import Stepper, affine_stepper, batch_means, packed_data, padded_to

MOST_BY_HESSIANS = 14
"""Parameters up to which a step by the batch's Hessian may be cheaper than one by its examples."""


def check_labels(checks: Checks, y: Any, examples: int) -> NDArray[np.int64]:
    """Check class labels 0, 1, ..., K - 1 (N,), K >= 2, each class present."""
    values = checks.array("y", y, (examples or None,), "one label for each row of X")
    classes = np.unique(values)
    if checks.passed("y") and (len(classes) < 2 or not np.array_equal(classes, np.arange(len(classes)))):
        found = ", ".join(f"{c:g}" for c in classes[:8])
        checks.fail("y", f"must hold the labels 0, 1, ... of at least two classes, got {found}")
    labels = np.zeros(len(values), np.int64) if not checks.passed("y") else values.astype(np.int64)
    labels.flags.writeable = False
    return labels


class GeneralizedLinear(Problem):
    """Common part of linear and logistic regression."""

    def __init__(self, X: Array, y: Array, family: int, batch_size: int, l2: float, checks: Checks) -> None:
        l2 = checks.number("l2", l2, at_least=0)
        kernels = Kernels(glm.loss, glm.gradient, glm.hessian_vector, glm.third_derivative)
        examples = checks.length("X", X)
        super().__init__(kernels, (X, y, l2, family), examples, X.shape[1], batch_size, checks)

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel; see `Problem.stepper`."""
        X, y, l2, family = self.data
        data = packed_data(X, y[:, None], self.batch_size, reshuffled)
        advance = glm_steps.reshuffled_examples if reshuffled else glm_steps.fixed_batches
        size = padded_to(self.parameters)
        return Stepper(advance, (*data, l2, family), size, np.arange(self.parameters))


class LinearRegression(GeneralizedLinear):
    """Least squares: C_i(w) = (x_i . w - y_i)^2 / 2 + (l2/2) |w|^2.

    Parameters
    ----------
    X : (N, d)
    y : (N,)
    batch_size : int
        B; if it does not divide N, the last batch is smaller (see `Problem`).
    l2 : float
        Strength of the quadratic penalty, >= 0.

    Raises
    ------
    InputError
        Naming every argument that is wrong.
    """

    kind = "linear"

    def __init__(self, X: ArrayLike, y: ArrayLike, batch_size: int, l2: float = 0.0) -> None:
        checks = Checks()
        inputs = checks.array("X", X, (None, None), "one example a row")
        targets = checks.array("y", y, (checks.length("X", inputs) or None,), "one target for each row of X")
        super().__init__(inputs, targets, glm.SQUARED, batch_size, l2, checks)

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel; see `Problem.stepper`."""
        d = self.parameters
        cheaper = d <= MOST_BY_HESSIANS and d * (d + 1) <= 2 * self.batch_size + 60  # measured
        if reshuffled or not cheaper:
            return super().stepper(reshuffled)
        X, y, l2, _ = self.data
        hessians = batch_means(X[:, :, None] * X[:, None, :], self.batch_size) + l2 * np.eye(d)
        return affine_stepper(hessians, batch_means(X * y[:, None], self.batch_size))


class LogisticRegression(GeneralizedLinear):
    """Logistic regression: C_i(w) = log(1 + exp(x_i . w)) - y_i x_i . w + (l2/2) |w|^2.

    Parameters
    ----------
    X : (N, d)
    y : (N,)
        Labels 0 and 1.
    batch_size : int
        B; if it does not divide N, the last batch is smaller (see `Problem`).
    l2 : float
        Strength of the quadratic penalty, >= 0.

    Raises
    ------
    InputError
        Naming every argument that is wrong.
    """

    kind = "logistic"

    def __init__(self, X: ArrayLike, y: ArrayLike, batch_size: int, l2: float = 0.0) -> None:
        checks = Checks()
        inputs = checks.array("X", X, (None, None), "one example a row")
        targets = checks.array("y", y, (checks.length("X", inputs) or None,), "one label for each row of X")
        if not np.isin(targets, (0.0, 1.0)).all():
            checks.fail("y", f"must hold the labels 0 and 1, got {targets[~np.isin(targets, (0, 1))][0]:g}")
        super().__init__(inputs, targets, glm.LOGISTIC, batch_size, l2, checks)


class SoftmaxRegression(Problem):
    """Multinomial logistic regression: C_i(W) = -log softmax(W x_i)[y_i] + (l2/2) |W|^2.

    The parameters are the (K, p) matrix W in C order, d = K p.

    Parameters
    ----------
    X : (N, p)
    y : (N,)
        Labels 0, ..., K - 1, each present.
    batch_size : int
        B; if it does not divide N, the last batch is smaller (see `Problem`).
    l2 : float
        Strength of the quadratic penalty, >= 0.

    Raises
    ------
    InputError
        Naming every argument that is wrong.
    """

    kind = "softmax"

    def __init__(self, X: ArrayLike, y: ArrayLike, batch_size: int, l2: float = 0.0) -> None:
        checks = Checks()
        inputs = checks.array("X", X, (None, None), "one example a row")
        examples = checks.length("X", inputs)
        labels = check_labels(checks, y, examples)
        l2 = checks.number("l2", l2, at_least=0)
        classes = int(labels.max()) + 1
        kernels = Kernels(softmax.loss, softmax.gradient, softmax.hessian_vector, softmax.third_derivative)
        data = (inputs, labels, classes, l2)
        super().__init__(kernels, data, examples, classes * inputs.shape[1], batch_size, checks)

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel; see `Problem.stepper`."""
        X, labels, classes, l2 = self.data
        p = X.shape[1]
        width = padded_to(p)
        places = (np.arange(classes)[:, None] * width + np.arange(p)).ravel()
        data = packed_data(X, np.eye(classes)[labels], self.batch_size, reshuffled)
        advance = softmax_steps.reshuffled_examples if reshuffled else softmax_steps.fixed_batches
        return Stepper(advance, (*data, l2), classes * width, places)
