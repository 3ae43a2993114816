import os
import signal
import subprocess
import sys
import threading

import llvmlite.binding
import numpy as np
import pytest
from reference import epoch, permutation

from mcsgd.errors import DivergedError
from mcsgd.problems import (
    LinearRegression,
    LogisticRegression,
    Problem,
    Quadratic,
    ScalarFactorization,
    SoftmaxRegression,
    TanhNetwork,
)
from mcsgd.settings import Settings
from mcsgd.simulation import simulate

HOST_FEATURES = {name for name, there in llvmlite.binding.get_host_cpu_features().items() if there}
SAMPLINGS = ["random-order", "reshuffle-examples", "shuffle-once", "with-replacement"]
SCHEMES = [
    *((sampling, design) for sampling in SAMPLINGS for design in ("independent", "reversed-pairs")),
    ("random-order", "balanced"),
    ("shuffle-once", "balanced"),
]


def start_of(problem):
    return np.random.default_rng(2).normal(size=problem.parameters) * 0.5


ROUNDING = 2e-14
"""Bound on what the order of summation changes, relative to the largest parameter, over a few epochs."""


def assert_close(endpoint, expected):
    np.testing.assert_allclose(endpoint, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())


@pytest.mark.parametrize("trajectories", [1, 19])
def test_against_plain_reference(problem, trajectories):
    w0 = start_of(problem)
    cloud = simulate(problem, w0, Settings(0.1, epochs=2, trajectories=trajectories, seed=9))
    for t in range(trajectories):
        w = w0
        for e in range(2):
            w = epoch(problem, w, 0.1, permutation(9, t, e, problem.batches))
        assert_close(cloud.endpoints[t], w)


@pytest.mark.parametrize("paths", [0, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"momentum": 0.7},
        {"substeps": 3},
        {"schedule": [1.0, 0.5, 2.0]},
        {"schedule": "cosine", "momentum": 0.4},
    ],
    ids=str,
)
def test_ways_to_step_against_plain_reference(problem, options, paths):
    w0, epochs, n, eps = start_of(problem), 3, options.get("substeps", 1), 0.05
    settings = Settings(eps, epochs=epochs, trajectories=9, seed=2, paths=paths, **options)
    cloud = simulate(problem, w0, settings)
    factors = {"cosine": [1.0, 0.75, 0.25]}.get(settings.schedule, options.get("schedule", [1.0] * 3))
    for t in (0, 8):
        w, v, path = w0, np.zeros_like(w0), [w0]
        for e in range(epochs):
            for k in permutation(2, t, e, problem.batches):
                for _ in range(n):
                    v = settings.momentum * v - eps * factors[e] / n * problem.gradient(w, k)
                    w = w + v
                path.append(w)
        assert_close(cloud.endpoints[t], w)
        if t < paths:
            assert_close(cloud.paths[t], np.array(path))


def test_adam_against_plain_reference(problem):
    w0 = start_of(problem)
    settings = Settings(0.03, epochs=5, trajectories=2, sampling="full-batch", optimizer="adam", beta2=0.95)
    w, m, v = w0, 0.0, 0.0
    for t in range(1, 6):
        g = problem.gradient(w, np.arange(problem.examples))
        m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g**2
        w = w - 0.03 * (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.95**t) + 1e-8)
    for endpoint in simulate(problem, w0, settings).endpoints:
        np.testing.assert_allclose(endpoint, w, rtol=0, atol=1e-9)  # the root magnifies rounding near g = 0


@pytest.mark.parametrize("batches", [15, 16, 17, 70])
@pytest.mark.parametrize(("kind", "d"), [("toy", 2), ("quadratic", 1), ("quadratic", 3), ("linear", 7)])
def test_lanes_with_few_and_many_batches(kind, d, batches):
    """Numbers of up to 16 batches are looked up in registers, else gathered."""
    rng = np.random.default_rng(3)
    N = 2 * batches - 1  # the last batch is smaller
    A, c = rng.normal(size=(N, d, d)), rng.normal(size=(N, d))
    problem = {
        "toy": lambda: ScalarFactorization(rng.normal(size=N), rng.normal(size=N), 2),
        "quadratic": lambda: Quadratic(A @ A.transpose(0, 2, 1), c, 2),
        "linear": lambda: LinearRegression(c, A[:, 0, 0], 2, l2=0.1),
    }[kind]()
    w0 = start_of(problem)
    cloud = simulate(problem, w0, Settings(0.02, epochs=2, trajectories=35, seed=4))
    for t in (0, 8, 34):
        w = w0
        for e in range(2):
            w = epoch(problem, w, 0.02, permutation(4, t, e, batches))
        assert_close(cloud.endpoints[t], w)


@pytest.mark.parametrize("trajectories", [1, 11])
def test_reshuffled_examples_against_plain_reference(problem, trajectories):
    w0 = start_of(problem)
    settings = Settings(0.1, epochs=2, trajectories=trajectories, sampling="reshuffle-examples")
    cloud = simulate(problem, w0, settings)
    for t in range(trajectories):
        w = w0
        for e in range(2):
            rows = permutation(0, t, e, problem.examples)
            for k in range(problem.batches):
                batch = rows[k * problem.batch_size : (k + 1) * problem.batch_size]
                w = w - 0.1 * problem.gradient(w, batch)
        assert_close(cloud.endpoints[t], w)


SIZES = [(1, 1), (8, 8), (9, 8), (30, 32), (33, 5), (64, 31), (73, 40)]


@pytest.mark.parametrize(("features", "batch_size"), SIZES)
@pytest.mark.parametrize("kind", ["linear", "logistic", "softmax", "network", "network-softmax"])
@pytest.mark.parametrize("sampling", ["random-order", "reshuffle-examples"])
def test_sizes_around_whole_vectors(kind, features, batch_size, sampling):
    """The step kernels against the same problem stepped by its gradient kernel."""
    rng = np.random.default_rng(features)
    N = 3 * batch_size + 1
    X, y, labels = rng.normal(size=(N, features)), rng.normal(size=N), np.arange(N) % 3
    made = {
        "linear": lambda: LinearRegression(X, y, batch_size, 0.1),
        "logistic": lambda: LogisticRegression(X, (y > 0) * 1.0, batch_size, 0.1),
        "softmax": lambda: SoftmaxRegression(X, labels, batch_size, 0.1),
        "network": lambda: TanhNetwork(X, np.stack([y, y * y], axis=1), batch_size, hidden=features, l2=0.1),
        "network-softmax": lambda: TanhNetwork(X, labels, batch_size, hidden=5, output="softmax", l2=0.1),
    }
    problem = made[kind]()
    settings = Settings(0.05, trajectories=30, sampling=sampling)
    w0 = rng.normal(size=problem.parameters) / np.sqrt(features)
    fast = simulate(problem, w0, settings)
    problem.stepper = lambda reshuffled: Problem.stepper(problem, reshuffled)
    plain = simulate(problem, w0, settings)
    assert_close(fast.endpoints, plain.endpoints)


@pytest.mark.parametrize(
    ("sampling", "design"),
    [scheme for scheme in SCHEMES if scheme[0] in ("random-order", "reshuffle-examples")],
)
def test_bytes_do_not_depend_on_neighbours(problem, sampling, design):
    """A trajectory alone, in a block of any size, or beside another that diverges, is the same."""
    n = 48 if design == "balanced" else 34
    settings = Settings(0.05, epochs=2, trajectories=n, sampling=sampling, design=design, paths=3)
    w0 = start_of(problem)
    whole = simulate(problem, w0, settings, workers=1, block_size=n)
    for block_size in (1, 3, 16):
        other = simulate(problem, w0, settings, workers=2, block_size=block_size)
        assert other.endpoints.tobytes() == whole.endpoints.tobytes()
        assert other.paths.tobytes() == whole.paths.tobytes()
    np.testing.assert_array_equal(whole.paths[:, -1], whole.endpoints[:3])


@pytest.mark.parametrize(("sampling", "design"), SCHEMES)
def test_bytes_do_not_depend_on_threads_blocks_or_number(toy, sampling, design):
    """60 trajectories; 72 in three balanced sets."""
    n, few = (72, 24) if design == "balanced" else (60, 22)
    settings = Settings(0.05, epochs=3, trajectories=n, sampling=sampling, design=design, snapshots=(1, 3))
    w0 = start_of(toy)
    whole = simulate(toy, w0, settings, workers=1)
    for workers, block_size in [(2, 7), (3, 1), (3, n), (2, 13)]:
        other = simulate(toy, w0, settings, workers=workers, block_size=block_size)
        assert other.endpoints.tobytes() == whole.endpoints.tobytes()
        assert other.snapshots.tobytes() == whole.snapshots.tobytes()
    fewer = Settings(0.05, epochs=3, trajectories=few, sampling=sampling, design=design)
    assert simulate(toy, w0, fewer).endpoints.tobytes() == whole.endpoints[:few].tobytes()


@pytest.mark.parametrize("sampling", ["random-order", "shuffle-once", "with-replacement"])
def test_pairs_visit_batches_backwards_in_every_epoch(toy, sampling):
    """The quadratic problem of one step matrix per batch makes the order readable off the path."""
    settings = Settings(0.05, epochs=3, trajectories=4, sampling=sampling, design="reversed-pairs", paths=4)
    paths = simulate(toy, start_of(toy), settings).paths
    m = toy.batches

    def visited(path):
        steps = [
            [np.abs(path[s] - 0.05 * toy.gradient(path[s], k) - path[s + 1]).max() for k in range(m)]
            for s in range(3 * m)
        ]
        return np.argmin(steps, axis=1).reshape(3, m)

    for p in (0, 1):
        assert np.array_equal(visited(paths[2 * p])[:, ::-1], visited(paths[2 * p + 1]))


def test_snapshots_and_paths_agree_with_endpoints(toy):
    settings = Settings(0.05, epochs=3, trajectories=5, snapshots=(1, 3), paths=2)
    cloud = simulate(toy, start_of(toy), settings)
    np.testing.assert_array_equal(cloud.snapshots[:, 1], cloud.endpoints)
    np.testing.assert_array_equal(cloud.paths[:, -1], cloud.endpoints[:2])
    np.testing.assert_array_equal(cloud.paths[:, toy.batches], cloud.snapshots[:2, 0])
    np.testing.assert_array_equal(cloud.paths[:, 0], np.broadcast_to(cloud.start, (2, 2)))


def test_given_order_and_full_batch(toy):
    w0 = start_of(toy)
    cloud = simulate(toy, w0, Settings(0.05, trajectories=1, sampling="given-order", order=(2, 0, 3, 1)))
    np.testing.assert_allclose(cloud.mean, epoch(toy, w0, 0.05, [2, 0, 3, 1]), rtol=1e-15)
    full = simulate(toy, w0, Settings(0.05, epochs=3, trajectories=1, sampling="full-batch"))
    w = w0
    for _ in range(3):
        w = w - 0.05 * toy.gradient(w, np.arange(4))
    np.testing.assert_allclose(full.mean, w, rtol=1e-15)
    assert full.flow_time == pytest.approx(0.15)


def test_conserved_quantity_of_the_factorization(toy):
    """A step multiplies a^2 - b^2 by exactly 1 - eps^2 r^2, r = x (a b x - y)."""
    cloud = simulate(toy, [2.8, 3.5], Settings(0.01, trajectories=1, paths=1))
    x, y = toy.data
    a, b = cloud.paths[0].T
    for s in range(toy.batches):
        ratio = (a[s + 1] ** 2 - b[s + 1] ** 2) / (a[s] ** 2 - b[s] ** 2)
        expected = 1 - (0.01 * x * (a[s] * b[s] * x - y)) ** 2
        assert np.abs(ratio / expected - 1).min() < 1e-12


def test_divergence_is_recorded_and_leaves_others_alone():
    """With replacement, only trajectories that draw the steep batch often enough overflow."""
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    settings = Settings(0.5, epochs=2, trajectories=40, sampling="with-replacement", snapshots=(1, 2))
    cloud = simulate(problem, [1.0], settings, workers=1)
    gone = cloud.status == 1
    assert 0 < cloud.diverged == gone.sum() < 40
    assert np.isnan(cloud.endpoints[gone]).all()
    assert np.isnan(cloud.snapshots[gone, -1]).all()
    assert np.isfinite(cloud.endpoints[~gone]).all()
    for t in np.flatnonzero(~gone):
        alone = simulate(problem, [1.0], settings, block_size=1).endpoints[t]
        assert alone.tobytes() == cloud.endpoints[t].tobytes()
    with pytest.raises(DivergedError, match=f"{gone.sum()} of 40 trajectories diverged"):
        _ = cloud.mean
    kept = cloud.finished()
    assert kept.left_out == gone.sum()
    np.testing.assert_allclose(kept.mean, cloud.endpoints[~gone].mean(axis=0), rtol=1e-12)


def test_an_interrupt_ends_running_blocks_with_their_epoch(toy, interrupts):
    """Of an hour's work; else this test would not end."""
    settings = Settings(1e-9, epochs=200_000_000, trajectories=2)
    first = Settings(1e-9, epochs=1, trajectories=1)
    simulate(toy, start_of(toy), first)  # compiled before the clock runs
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        simulate(toy, start_of(toy), settings)


SHORTER_VECTORS = """
import sys, numpy as np
from mcsgd.kernels.scatter import mean_and_scatter
from mcsgd.problems import LogisticRegression, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
X = np.random.default_rng(0).normal(size=(40, 5))
for problem in (
    ScalarFactorization(X[:, 0], X[:, 1], 4),
    ScalarFactorization(X[:, 0], X[:, 1], 2),
    LogisticRegression(X, (X[:, 0] > 0).astype(int), 4, 1e-3),
):
    cloud = simulate(problem, np.full(problem.parameters, 0.3), Settings(0.05, epochs=2, trajectories=40))
    for numbers in cloud.endpoints, cloud.moments.singles.mean, cloud.moments.singles.scatter:
        sys.stdout.buffer.write(numbers.tobytes())
for d in 3, 20:  # lanes that are vectors, and parameters
    for numbers in mean_and_scatter(np.random.default_rng(d).normal(size=(700, d))):
        sys.stdout.buffer.write(numbers.tobytes())
"""


@pytest.mark.slow
@pytest.mark.skipif(not {"avx2", "fma"} <= HOST_FEATURES, reason="needs a processor with AVX2 and FMA")
def test_the_bits_do_not_depend_on_the_length_of_vectors(tmp_path):
    """Look-ups in registers, gathers and scatters have other code where there is no AVX-512."""
    features = "+avx2,+avx,+fma,+bmi,+bmi2,+sse4.2,+popcnt,+64bit,+cx16"
    targets = [{}, {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}]
    found = [
        subprocess.run(
            [sys.executable, "-c", SHORTER_VECTORS],
            env={**os.environ, **target, "NUMBA_CACHE_DIR": str(tmp_path / str(len(target)))},
            capture_output=True,
            check=True,
        ).stdout
        for target in targets
    ]
    assert found[0] == found[1]
    numbers = 40 * (2 + 2 + 5) + 2 * (2 + 4) + 5 + 25 + 3 + 9 + 20 + 400
    assert len(found[0]) == 8 * numbers
