"""The same works in NumPy, batched over trajectories; only where one would write it so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from works import Work

BATCHES_OF_TRAJECTORIES = (64, 1024, 16384)


def make_runner(work: Work, trajectories: int) -> Callable[[int], np.ndarray] | None:
    """Return run(seed) -> endpoints, or None where there is no such peer."""
    m, B, eps = work.problem.batches, work.problem.batch_size, work.settings.step_size
    if work.kind not in ("toy", "linear", "logistic"):
        return None
    X, y = np.asarray(work.problem.data[0]), np.asarray(work.problem.data[1])

    def orders(seed):
        rng = np.random.default_rng(seed)
        return rng.permuted(np.tile(np.arange(m), (trajectories, 1)), axis=1)

    def toy(seed):
        a, b = (np.full(trajectories, w) for w in work.start)
        for k in orders(seed).T:
            pull = eps * (a * b * X[k] - y[k]) * X[k]
            a, b = a - pull * b, b - pull * a
        return np.stack([a, b], axis=1)

    def regression(seed):
        w = np.tile(work.start, (trajectories, 1))
        batches, targets = X.reshape(m, B, -1), y.reshape(m, B)
        l2 = work.problem.data[2]
        for ks in orders(seed).T:
            for k in range(m):  # those at the same batch together
                at = np.flatnonzero(ks == k)
                z = w[at] @ batches[k].T
                s = (1 / (1 + np.exp(-z)) if work.kind == "logistic" else z) - targets[k]
                w[at] -= eps * (s @ batches[k] / B + l2 * w[at])
        return w

    return toy if work.kind == "toy" else regression
