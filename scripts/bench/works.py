"""The works that are timed: a problem, a start, settings, and how many operations a step's products take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

import mcsgd
from mcsgd.problems import (
    Custom,
    LinearRegression,
    LogisticRegression,
    Problem,
    ScalarFactorization,
    SoftmaxRegression,
    TanhNetwork,
)

DATA = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True)
class Work:
    """What is run; rates are steps a second, one step being one minibatch of one trajectory."""

    name: str
    kind: str  # which peers can do it
    problem: Problem
    start: np.ndarray
    settings: mcsgd.Settings
    flops: float  # of the products of a step

    @property
    def steps(self) -> int:
        """Steps of one trajectory."""
        return self.settings.epochs * self.settings.partition(self.problem).batches

    def with_trajectories(self, trajectories: int) -> Work:
        """Return the same work for another number of trajectories."""
        return replace(self, settings=replace(self.settings, trajectories=trajectories))


def _rows(name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first rows of a data set: a whole number of batches, so that all peers do the same."""
    with h5py.File(DATA / f"{name}.h5") as file:
        return file["X"][:rows], file["y"][:rows]


def _user_gradient(w, batch, data, out):
    """Logistic regression as a user would write it, in plain loops."""
    X, y, l2 = data
    for j in range(w.size):
        out[j] = l2 * w[j]
    for i in batch:
        z = 0.0
        for j in range(w.size):
            z += X[i, j] * w[j]
        s = (1.0 / (1.0 + np.exp(-z)) - y[i]) / batch.size
        for j in range(w.size):
            out[j] += s * X[i, j]


def make_works() -> list[Work]:
    """Return the works of the benchmark, smallest problem first."""
    rng = np.random.default_rng(0)
    one = mcsgd.Settings(step_size=0.01)
    works = []
    for m in (8, 64):
        toy = ScalarFactorization(rng.uniform(0.5, 1.5, m), rng.normal(size=m))
        works.append(Work(f"toy m={m}", "toy", toy, np.array([1.2, 0.7]), one, 8))
    X, y = _rows("diabetes", 13 * 32)
    linear = LinearRegression(X, y, 32)
    works.append(Work("linear diabetes", "linear", linear, np.zeros(10), one, 4 * 32 * 10))
    X, y = _rows("breast_cancer", 17 * 32)
    logistic = LogisticRegression(X, y, 32, 1e-3)
    start = 0.1 * rng.normal(size=30)
    works.append(Work("logistic", "logistic", logistic, start, one, 4 * 32 * 30))
    reshuffled = replace(one, sampling="reshuffle-examples")
    works.append(Work("logistic reshuffled", "logistic-reshuffled", logistic, start, reshuffled, 4 * 32 * 30))
    custom = Custom(_user_gradient, (X, y.astype(float), 1e-3), 30, len(X), 32)
    works.append(Work("logistic custom", "logistic", custom, start, one, 4 * 32 * 30))
    X, y = _rows("digits", 56 * 32)
    softmax = SoftmaxRegression(X, y, 32, 1e-3)
    start = 0.01 * rng.normal(size=640)
    works.append(Work("softmax digits", "softmax", softmax, start, one, 4 * 32 * 640))
    network = TanhNetwork(X, y, 32, hidden=32, output="softmax")
    start = 0.1 * rng.normal(size=network.parameters)
    flops = 2 * 32 * (2 * 64 * 32 + 3 * 32 * 10)
    works.append(Work("tanh network 64-32-10", "network", network, start, one, flops))
    return works
