"""The problems of the figures, and what is run on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

import mcsgd
from mcsgd.problems import Problem

DATA = Path(__file__).resolve().parents[2] / "data"
TOY, TOY_START = mcsgd.problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9]), [1.4, 1.9]
"""The a b x toy with four minibatches that no (a, b) fits at once."""


def breast_cancer() -> tuple[Problem, np.ndarray]:
    """Return logistic regression on the data of that name, 18 minibatches, and a start."""
    experiment = mcsgd.Experiment.read(DATA / "breast_cancer.toml")
    return experiment.problem, experiment.start


def regression(N: int, batch_size: int) -> mcsgd.problems.LinearRegression:
    """Return linear regression of two parameters on N random examples that no line fits."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, 2))
    return mcsgd.problems.LinearRegression(X, X @ [1.0, -2.0] + rng.normal(size=N), batch_size)


def digits(batch_size: int) -> tuple[mcsgd.problems.TanhNetwork, Callable[[np.ndarray], float]]:
    """Return a small network on 600 handwritten digits, and its accuracy on the other 1197."""
    with h5py.File(DATA / "digits.h5") as file:
        X, y = file["X"][:], file["y"][:]
    hidden, train, test = 16, slice(600), slice(600, None)
    problem = mcsgd.problems.TanhNetwork(X[train], y[train], batch_size, hidden, output="softmax")

    def accuracy(w: np.ndarray) -> float:
        W1, b1, W2, b2 = np.split(w, np.cumsum([64 * hidden, hidden, 10 * hidden]))
        inner = np.tanh(X[test] @ W1.reshape(hidden, 64).T + b1)
        return float(np.mean((inner @ W2.reshape(10, hidden).T + b2).argmax(axis=1) == y[test]))

    return problem, accuracy


def logistic() -> tuple[mcsgd.problems.LogisticRegression, np.ndarray]:
    """Return logistic regression of three parameters, 8 minibatches of 4 examples, and a start."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(32, 3))
    labels = (X[:, 0] + rng.normal(size=32) > 0).astype(int)
    return mcsgd.problems.LogisticRegression(2 * X, labels, batch_size=4, l2=0.01), np.array([0.5, -0.5, 1.0])


def gd_endpoint(problem: Problem, start: np.ndarray, settings: mcsgd.Settings) -> np.ndarray:
    """Return where full-batch gradient descent of the same step size ends after the same flow time."""
    epochs = round(settings.flow_time(problem) / settings.step_size)
    descent = mcsgd.Settings(settings.step_size, epochs, 1, sampling="full-batch")
    return mcsgd.simulate(problem, start, descent).mean


def flow_ends(
    problem: Problem, start: np.ndarray, settings: mcsgd.Settings, *fields: str
) -> list[np.ndarray]:
    """Return where the flows of these fields end."""
    return [mcsgd.integrate(problem, start, settings, field).endpoint for field in fields]


def run_of(problem: Problem, start: np.ndarray, settings: mcsgd.Settings) -> mcsgd.Run:
    """Return the cloud of endpoints together with the flows that theory has for these settings."""
    fields = mcsgd.theory.default_fields(problem, settings)
    flows = {field: mcsgd.integrate(problem, start, settings, field) for field in fields}
    return mcsgd.Run(mcsgd.simulate(problem, start, settings), flows)
