"""The tree of all sequences, against every sequence by itself."""

import os
import signal
import threading

import numpy as np
import plain_sgd as plain
import pytest

from mcsgd.errors import DivergedError
from mcsgd.exact import exact_mean
from mcsgd.exact.sequences import number_of_endpoints, tree_steps
from mcsgd.exact.tree import TREE
from mcsgd.problems import Custom, LogisticRegression, Quadratic, ScalarFactorization
from mcsgd.settings import Settings

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(6, 2)), np.array([0.0, 1, 1, 0, 1, 0])
TARGETS = RNG.normal(size=6)
START = np.array([1.2, 0.7])


def toy(examples, batch_size):
    x, y = X[:examples, 0], TARGETS[:examples]
    return ScalarFactorization(x, y, batch_size), plain.factorization(x, y)


def logistic(examples, batch_size):
    X_, y = X[:examples], Y[:examples]
    return LogisticRegression(X_, y, batch_size, 0.1), plain.logistic(X_, y, 0.1)


CASES = [
    ("random-order", 4, 1, 1),
    ("random-order", 5, 2, 1),  # a smaller last batch
    ("random-order", 5, 2, 2),
    ("shuffle-once", 4, 1, 1),
    ("shuffle-once", 5, 2, 3),
    ("with-replacement", 5, 2, 1),
    ("with-replacement", 3, 2, 3),
    ("reshuffle-examples", 6, 2, 1),
    ("reshuffle-examples", 6, 3, 1),
    ("reshuffle-examples", 5, 2, 1),
    ("reshuffle-examples", 5, 3, 1),
    ("reshuffle-examples", 3, 2, 2),
]


@pytest.mark.parametrize("kind", [toy, logistic])
@pytest.mark.parametrize(("sampling", "examples", "batch_size", "epochs"), CASES)
def test_against_every_sequence(kind, sampling, examples, batch_size, epochs):
    problem, gradient = kind(examples, batch_size)
    solution = TREE.solve(problem, START, Settings(0.1, epochs=epochs, sampling=sampling))
    every = plain.sequences(sampling, examples, batch_size, epochs)
    plain.assert_same(solution, plain.moments(gradient, START, 0.1, every))


@pytest.mark.parametrize("examples", [5, 6])
def test_reversed_pairs_of_reshuffled_examples(examples):
    """The second of a pair meets the smaller batch first; where there is none, pairs make no difference."""
    problem, gradient = toy(examples, 2)
    forwards = plain.sequences("reshuffle-examples", examples, 2, 1)
    both = forwards + [sequence[::-1] for sequence in forwards]
    settings = Settings(0.1, sampling="reshuffle-examples", design="reversed-pairs")
    plain.assert_same(TREE.solve(problem, START, settings), plain.moments(gradient, START, 0.1, both))
    assert number_of_endpoints(problem, settings) == {5: 60, 6: 90}[examples]


class Counted:
    """A tree of the same shape, walked by recursion that counts."""

    def __init__(self, sampling, m, epochs):
        self.steps, self.ends = 0, 0
        self.visit(sampling, m, epochs * m, ())

    def visit(self, sampling, m, left, seen):
        if left == 0:
            self.ends += 1
            return
        this_epoch = seen[len(seen) - len(seen) % m :]
        for k in range(m):
            if sampling == "with-replacement" or k not in this_epoch:
                self.steps += 1
                self.visit(sampling, m, left - 1, (*seen, k))


@pytest.mark.parametrize("sampling", ["random-order", "with-replacement"])
@pytest.mark.parametrize(("m", "epochs"), [(1, 3), (2, 3), (3, 2), (5, 1)])
def test_number_of_steps_and_endpoints(sampling, m, epochs):
    problem, settings = toy(m, 1)[0], Settings(0.1, epochs=epochs, sampling=sampling)
    counted = Counted(sampling, m, epochs)
    assert tree_steps(problem, settings) == counted.steps
    assert number_of_endpoints(problem, settings) == counted.ends


def test_number_of_steps_of_the_other_samplings():
    assert tree_steps(toy(3, 1)[0], Settings(0.1, epochs=4, sampling="shuffle-once")) == 15 + 6 * 3 * 3
    assert tree_steps(toy(6, 2)[0], Settings(0.1, sampling="reshuffle-examples")) == 15 + 90 + 90
    uneven = Settings(0.1, sampling="reshuffle-examples", design="reversed-pairs")
    assert tree_steps(toy(5, 2)[0], uneven) == (10 + 30 + 30) + (5 + 30 + 30)


def test_small_step_sizes_lose_no_digits_of_the_covariance():
    """At 1e-7 the cloud is of width 1e-13, and the leading term in eps describes it."""
    problem, _ = toy(4, 1)
    covariance = TREE.solve(problem, START, Settings(1e-7)).covariance / 1e-28
    g = problem.gradients(START)
    y = [[problem.hessian_vector(START, g[b], a) for b in range(4)] for a in range(4)]  # H_a g_b
    y = np.array(y) - np.swapaxes(y, 0, 1)
    leading = np.einsum("ai,aj->ij", y.sum(axis=1), y.sum(axis=1)) + np.einsum("abi,abj->ij", y, y) / 2
    np.testing.assert_allclose(covariance, leading / 12, rtol=1e-5)


def test_equal_batches_have_no_spread():
    problem = ScalarFactorization(np.full(5, 1.1), np.full(5, 0.3))
    variances = np.diag(TREE.solve(problem, START, Settings(0.1)).covariance)
    assert (variances >= 0).all()
    assert (variances < 1e-31).all()


def test_divergence_is_an_error():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    settings = Settings(0.5, sampling="with-replacement")
    with pytest.raises(DivergedError, match="diverged: the mean over all does not exist"):
        TREE.solve(problem, np.array([1.0]), settings)


def test_an_exception_in_the_gradient_comes_out():
    def gradient(w, batch, data, out):
        for j in range(w.size):
            out[j] = w[j]
        if w[0] < 0.5:
            raise ValueError("out of my domain")

    problem = Custom(gradient, (X,), parameters=2, examples=6, batch_size=1, check_at=[1.0, 1.0])
    with pytest.raises(ValueError, match="out of my domain"):
        exact_mean(problem, [1.0, 1.0], Settings(0.2))


def test_an_interrupt_ends_the_visit(interrupts):
    """Of hours; else this test would not end."""
    x = np.linspace(0.5, 1.5, 14)
    problem = ScalarFactorization(x, x)
    exact_mean(toy(3, 1)[0], START, Settings(0.1))  # compiled before the clock runs
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        exact_mean(problem, START, Settings(0.01), max_steps=1e12)
