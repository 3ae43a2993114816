"""The terms against plain sums, and their total against the field that descends it."""

import numpy as np
import pytest

from mcsgd.errors import InputError
from mcsgd.flow import Flow
from mcsgd.problems import Custom, LogisticRegression
from mcsgd.settings import Settings
from mcsgd.theory import decompose, integrate, vector_field

EPS = 0.3


def logistic(examples=8, batch_size=2):
    X = np.random.default_rng(2).normal(size=(examples, 3))
    return LogisticRegression(2 * X, np.arange(examples) % 2, batch_size, 0.1)


def along(path):
    path = np.array(path)
    return Flow("any", np.arange(len(path), dtype=float), path, path[-1])


def test_plain_sums():
    problem, w = logistic(7), np.array([0.3, -0.5, 0.2])
    parts = decompose(problem, along([w, 2 * w]), Settings(EPS))
    assert parts.field == "any"
    for i, point in enumerate([w, 2 * w]):
        g = np.array([problem.gradient(point, k) for k in range(4)])
        assert parts.loss[i] == pytest.approx(np.mean([problem.loss(point, k) for k in range(4)]), rel=1e-14)
        assert parts.gradient_term[i] == pytest.approx(EPS / 4 * np.sum(g.mean(axis=0) ** 2), rel=1e-13)
        spread = sum(np.sum((g_k - g.mean(axis=0)) ** 2) for g_k in g)
        assert parts.variance_term[i] == pytest.approx(EPS / (4 * 4) * spread, rel=1e-13)
    assert parts.total.tolist() == (parts.loss + parts.gradient_term + parts.variance_term).tolist()


@pytest.mark.parametrize("examples", [8, 7])
@pytest.mark.parametrize(
    ("sampling", "field"),
    [
        ("random-order", "sgd"),
        ("shuffle-once", "sgd"),
        ("reshuffle-examples", "sgd"),
        ("with-replacement", "gd"),
        ("full-batch", "gd"),
    ],
)
def test_the_field_descends_the_total(sampling, field, examples):
    problem, w, h = logistic(examples), np.array([0.3, -0.5, 0.2]), 1e-3
    settings = Settings(EPS, sampling=sampling)
    shifts = [s * h * v for v in np.eye(3) for s in (1, -1, 2, -2)]
    near_back_far = decompose(problem, along(w + shifts), settings).total.reshape(3, 4)
    slope = near_back_far @ [8, -8, -1, 1] / (12 * h)
    np.testing.assert_allclose(slope, -vector_field(problem, settings, field)(w), rtol=1e-9)
    variance = decompose(problem, along([w]), settings).variance_term
    assert (variance > 0).all() == (field == "sgd")


def test_along_a_flow_the_total_falls_as_the_square_of_the_field():
    """d total / dt = -|w'|^2."""
    problem, settings = logistic(), Settings(EPS, epochs=3)
    flow = integrate(problem, np.ones(3), settings)
    parts = decompose(problem, flow, settings)
    field = vector_field(problem, settings, "sgd")
    rates = [np.sum(field(w) ** 2) for w in flow.path]
    lost = np.sum((np.array(rates)[1:] + rates[:-1]) / 2 * np.diff(flow.time))
    assert parts.total[0] - parts.total[-1] == pytest.approx(lost, rel=1e-3)
    assert parts.time is flow.time


def test_refusals():
    def gradient(w, batch, data, out):
        out[:] = w * data[0]

    problem, flow = logistic(), along([np.ones(3)])
    without = Custom(gradient, (1.0,), parameters=3, examples=2, batch_size=1)
    with pytest.raises(InputError, match="problem: must have a loss to decompose, and this custom problem"):
        decompose(without, flow, Settings(EPS))
    with pytest.raises(InputError, match="sampling: given-order has a field that is no gradient"):
        decompose(problem, flow, Settings(EPS, sampling="given-order", order=(0, 1, 2, 3)))
    with pytest.raises(
        InputError, match=r"flow: must have a path of 3 parameters, got one of shape \(1, 2\)"
    ):
        decompose(problem, along([[1.0, 2.0]]), Settings(EPS))
    with pytest.raises(InputError, match="substeps: must be left at its default"):
        decompose(problem, flow, Settings(EPS, substeps=2))
