import signal

import numpy as np
import pytest

from mcsgd.problems import (
    LinearRegression,
    LogisticRegression,
    Quadratic,
    ScalarFactorization,
    SoftmaxRegression,
    TanhNetwork,
)


def make_problems():
    """One of each kind, all with a smaller last batch where there are batches to cut."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(11, 3))
    A = rng.normal(size=(4, 3, 3))
    labels = np.arange(11) % 3
    return {
        "scalar-factorization": ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9]),
        "quadratic": Quadratic(A @ A.transpose(0, 2, 1) + np.eye(3), rng.normal(size=(4, 3))),
        "linear": LinearRegression(X, rng.normal(size=11), 3, 0.1),
        "logistic": LogisticRegression(X, np.arange(11) % 2, 3, 0.1),
        "softmax": SoftmaxRegression(X, labels, 3, 0.1),
        "tanh-network": TanhNetwork(X, rng.normal(size=(11, 2)), 3, hidden=4, l2=0.1),
        "tanh-network-softmax": TanhNetwork(X, labels, 3, hidden=4, output="softmax", l2=0.1),
    }


def make_expandable():
    """Problem of four batches, start, and a step size at which one epoch's expansion has converged."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 3))
    logistic = LogisticRegression(3 * X, np.arange(8) % 2, 2, 0.1)
    network = TanhNetwork(X, rng.normal(size=8), 2, hidden=2)
    return {
        "toy": (
            ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9]),
            np.array([1.2, 0.7]),
            0.0025,
        ),
        "logistic": (logistic, rng.normal(size=3), 0.003),
        "network": (network, rng.normal(size=11), 0.006),
    }


PROBLEMS = make_problems()
EXPANDABLE = make_expandable()


@pytest.fixture(params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param]


@pytest.fixture
def interrupts():
    """Let an interrupt come through: what a shell runs in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def toy():
    """The a b x toy with four batches of unequal Hessians."""
    return PROBLEMS["scalar-factorization"]
