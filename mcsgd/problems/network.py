"""A network with one hidden tanh layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mcsgd.checks import Checks
from mcsgd.kernels import network, network_steps
from mcsgd.problems.base import Kernels, Problem
from mcsgd.problems.regression import check_labels
from mcsgd.problems.stepper import Stepper, packed_data, padded_to


class TanhNetwork(Problem):
    """One hidden layer: o_i = W2 tanh(W1 x_i + b1) + b2, plus (l2/2) |w|^2 on all parameters.

    The parameters are W1 (h, p), b1 (h), W2 (K, h), b2 (K), flattened in this order,
    d = h (p + 1) + K (h + 1).

    Parameters
    ----------
    X : (N, p)
    y : (N,) or (N, K)
        Targets for the squared error; labels 0, ..., K - 1 (N,) for softmax.
    batch_size : int
        B; if it does not divide N, the last batch is smaller (see `Problem`).
    hidden : int
        Number of hidden units, h.
    output : {"squared", "softmax"}
        Loss |o_i - y_i|^2 / 2, or cross entropy -log softmax(o_i)[y_i].
    l2 : float
        Strength of the quadratic penalty, >= 0.

    Raises
    ------
    InputError
        Naming every argument that is wrong.
    """

    kind = "tanh-network"

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        batch_size: int,
        hidden: int,
        output: str = "squared",
        l2: float = 0.0,
    ) -> None:
        checks = Checks()
        inputs = checks.array("X", X, (None, None), "one example a row")
        examples = checks.length("X", inputs)
        hidden = checks.integer("hidden", hidden, at_least=1, at_most=100_000)
        output = checks.choice("output", output, ("squared", "softmax"))
        l2 = checks.number("l2", l2, at_least=0)
        if output == "softmax":
            labels = check_labels(checks, y, examples)
            targets = np.eye(int(labels.max()) + 1)[labels] if checks.passed("y") else np.ones((1, 1))
        else:
            rows = examples or None
            try:
                shape = (rows,) if np.ndim(y) == 1 else (rows, None)
            except ValueError:  # a ragged list, which checks.array reports
                shape = (rows, None)
            targets = checks.array("y", y, shape, "targets for each row of X")
            targets = targets.reshape(len(targets), -1)
        targets.flags.writeable = False
        outputs = targets.shape[1]
        kernels = Kernels(network.loss, network.gradient, network.hessian_vector, network.third_derivative)
        code = network.SOFTMAX if output == "softmax" else network.SQUARED
        parameters = hidden * (inputs.shape[1] + 1) + outputs * (hidden + 1)
        data = (inputs, targets, hidden, code, l2)
        super().__init__(kernels, data, examples, parameters, batch_size, checks)

    def stepper(self, reshuffled: bool) -> Stepper:
        """Return the step kernel; see `Problem.stepper`."""
        X, Y, hidden, output, l2 = self.data
        p, outputs = X.shape[1], Y.shape[1]
        width, wide = padded_to(p), padded_to(hidden)
        W1 = (np.arange(hidden)[:, None] * width + np.arange(p)).ravel()
        b1 = hidden * width + np.arange(hidden)
        W2 = hidden * width + wide + (np.arange(outputs)[:, None] * wide + np.arange(hidden)).ravel()
        b2 = hidden * width + wide + outputs * wide + np.arange(outputs)
        size = hidden * width + wide + outputs * wide + padded_to(outputs)
        data = packed_data(X, Y, self.batch_size, reshuffled)
        advance = network_steps.reshuffled_examples if reshuffled else network_steps.fixed_batches
        return Stepper(advance, (*data, hidden, output, l2), size, np.concatenate([W1, b1, W2, b2]))
