"""The same works in JAX: vmap over trajectories, scan over steps, in float64, all cores."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from works import Work

jax.config.update("jax_enable_x64", True)

BATCHES_OF_TRAJECTORIES = (16, 64, 256, 1024, 4096, 16384, 65536)


def _gradient(work: Work) -> Callable:
    """Return gradient(w, X, y) of a batch's mean loss, by hand where one would, else by JAX."""
    problem, B = work.problem, work.problem.batch_size
    if work.kind == "toy":

        def gradient(w, x, y):
            slope = jnp.mean((w[0] * w[1] * x - y) * x)
            return jnp.array([slope * w[1], slope * w[0]])

    elif work.kind == "linear":

        def gradient(w, X, y):
            return (X @ w - y) @ X / B

    elif work.kind.startswith("logistic"):

        def gradient(w, X, y):
            return (jax.nn.sigmoid(X @ w) - y) @ X / B + 1e-3 * w

    elif work.kind == "softmax":

        def gradient(w, X, Y):
            W = w.reshape(Y.shape[1], -1)
            return ((jax.nn.softmax(X @ W.T, axis=1) - Y).T @ X / B + 1e-3 * W).ravel()

    else:
        hidden, p, K = problem.data[2], problem.data[0].shape[1], problem.data[1].shape[1]

        def loss(w, X, Y):
            W1, rest = w[: hidden * p].reshape(hidden, p), w[hidden * p :]
            b1, rest = rest[:hidden], rest[hidden:]
            W2, b2 = rest[: K * hidden].reshape(K, hidden), rest[K * hidden :]
            logits = jnp.tanh(X @ W1.T + b1) @ W2.T + b2
            return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(logits), axis=1))

        gradient = jax.grad(loss)
    return gradient


def _batches(work: Work) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Return the examples (N, ...) and targets (N, ...)."""
    X, y = np.asarray(work.problem.data[0]), np.asarray(work.problem.data[1])
    if work.kind == "softmax":
        y = np.eye(work.problem.data[2])[y]
    return jnp.asarray(X), jnp.asarray(y)


def make_runner(work: Work, trajectories: int) -> Callable[[int], np.ndarray]:
    """Return run(seed) -> endpoints, compiled."""
    X, y = _batches(work)
    m, B, eps = work.problem.batches, work.problem.batch_size, work.settings.step_size
    gradient, start = _gradient(work), jnp.asarray(work.start)
    batches_X, batches_y = X.reshape(m, B, *X.shape[1:]), y.reshape(m, B, *y.shape[1:])

    def fixed(key):
        def step(w, k):
            return w - eps * gradient(w, batches_X[k], batches_y[k]), None

        return jax.lax.scan(step, start, jax.random.permutation(key, m))[0]

    def reshuffled(key):
        def step(w, rows):
            return w - eps * gradient(w, X[rows], y[rows]), None

        return jax.lax.scan(step, start, jax.random.permutation(key, m * B).reshape(m, B))[0]

    one = reshuffled if work.kind.endswith("reshuffled") else fixed
    run = jax.jit(lambda seed: jax.vmap(one)(jax.random.split(jax.random.key(seed), trajectories)))
    return lambda seed: np.asarray(run(seed))
