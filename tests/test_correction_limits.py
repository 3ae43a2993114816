"""There is no control variate where it cannot be had, and nothing is computed before that is said."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from kept import never

from mcsgd import correction
from mcsgd.correction import Correction, check_pairs, control_variate, order_noise
from mcsgd.errors import DivergedError, InputError
from mcsgd.linearisation import flow_by_epoch
from mcsgd.problems import Custom, Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.simulation import simulate

DESIGN = {"design": "control-variate"}
EXAMPLES = {"sampling": "reshuffle-examples"}


def test_tables_that_every_worker_makes_count(toy, monkeypatch):
    """One takes 8 * 4^2 * (3 * 2 + 1) = 896 bytes; that of a single epoch is shared, however large."""
    monkeypatch.setattr("mcsgd.correction.memory_bytes", lambda: 1000)
    check_pairs(toy, Settings(0.05, 2), workers=2)
    monkeypatch.setattr("mcsgd.correction.MOST_KEPT", 0)
    check_pairs(toy, Settings(0.05), workers=2)
    check_pairs(toy, Settings(0.05, 2), workers=1)
    with pytest.raises(
        InputError, match=r"problem: must be smaller, or workers fewer: it needs .* 4\^2 pairs"
    ):
        simulate(toy, [1.2, 0.7], Settings(0.05, 2, **DESIGN), workers=2, keep_cloud=False)


@pytest.mark.parametrize("epochs", [1, 2])
def test_only_the_large_table_of_one_epoch_is_made_once(toy, epochs, monkeypatch):
    monkeypatch.setattr("mcsgd.correction.MOST_KEPT", 0)
    settings, start = Settings(0.05, epochs, trajectories=20), np.array([1.2, 0.7])
    rows = simulate(toy, start, settings).rows.part(0, 20)
    made, make = [], correction.order_noise
    monkeypatch.setattr(correction, "order_noise", lambda *given: made.append(1) or make(*given))
    whole = Correction(toy, settings, flow_by_epoch(toy, start, settings))
    for _ in range(3):
        whole.of(rows, 1)
    assert len(made) == (1 if epochs == 1 else 6)


@pytest.mark.parametrize("d", [1, 2, 9])
def test_tables_take_no_more_memory_than_is_checked_for(d, monkeypatch):
    """Of one parameter, the indices of the pairs take twice what their table does."""
    m = 400
    problem = Quadratic(np.tile(np.eye(d), (m, 1, 1)), np.zeros((m, d)))
    given = problem, Settings(0.01), np.ones(d), np.eye(d)
    order_noise(*given)
    tracemalloc.start()
    kept = order_noise(*given)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept
    monkeypatch.setattr("mcsgd.correction.memory_bytes", lambda: most)
    with pytest.raises(InputError):
        check_pairs(*given[:2])
    monkeypatch.setattr("mcsgd.correction.memory_bytes", lambda: 1.5 * most)
    check_pairs(*given[:2])


@pytest.mark.parametrize("sampling", ["random-order", "reshuffle-examples"])
def test_what_is_not_finite_is_refused(sampling):
    """The steps are of order 1, the terms of xi beyond all numbers."""
    problem = Quadratic([[[1e200]], [[2e200]], [[3e200]]], [[0.0], [1.0], [2.0]])
    cloud = simulate(problem, [1.0], Settings(1e-201, trajectories=4, sampling=sampling))
    assert not cloud.diverged
    with pytest.raises(InputError, match="problem: must be scaled so that"):
        control_variate(problem, cloud)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"sampling": "with-replacement"}, "cloud: must have sampling random-order, .* got with-replacement"),
        ({"sampling": "full-batch"}, "cloud: must have sampling random-order"),
        ({"momentum": 0.5}, "cloud: must be of plain SGD"),
        ({"substeps": 2}, "cloud: must be of plain SGD"),
        ({"schedule": (0.5,)}, "cloud: must be of plain SGD"),
        ({"design": "reversed-pairs"}, "cloud: must have independent trajectories: a pair has none"),
        ({"design": "balanced"}, "cloud: must have independent trajectories: a set has none"),
    ],
)
def test_ensembles_without_a_control_variate(toy, settings, expected):
    cloud = simulate(toy, [1.2, 0.7], Settings(0.05, trajectories=24, **settings))
    with pytest.raises(InputError, match=expected):
        control_variate(toy, cloud)


def test_wrong_ensembles(toy, monkeypatch):
    settings = Settings(0.05, trajectories=24)
    cloud = simulate(toy, [1.2, 0.7], settings)
    for wrong, words in [
        (simulate(toy, [1.2, 0.7], settings, keep_cloud=False), "got one without endpoints"),
        (replace(cloud, left_out=1), "got one with trajectories left out"),
        (control_variate(toy, cloud), "got one corrected already"),
    ]:
        with pytest.raises(InputError, match=f"^cloud: must have the endpoints of all .* {words}"):
            control_variate(toy, wrong)
    for other in (ScalarFactorization([1.0, 2.0], [0.6, 1.0]), ScalarFactorization(*toy.data, batch_size=2)):
        with pytest.raises(InputError, match="problem: must be the one that was simulated"):
            control_variate(other, cloud)
    monkeypatch.setattr("mcsgd.correction.memory_bytes", lambda: 100)
    for call in (
        lambda: control_variate(toy, cloud),
        lambda: simulate(toy, [1.2, 0.7], replace(settings, **DESIGN), progress=never),
    ):
        with pytest.raises(InputError, match=r"problem: must be smaller: .* 4\^2 pairs"):
            call()


def cubic(w, batch, data, out):
    (x,) = data
    out[:] = 0.0
    for i in batch:
        for j in range(w.size):
            out[j] += (w[j] - x[i]) ** 3 / batch.size


def cubic_hessian_vector(w, batch, data, v, out):
    (x,) = data
    out[:] = 0.0
    for i in batch:
        for j in range(w.size):
            out[j] += 3 * (w[j] - x[i]) ** 2 * v[j] / batch.size


def test_reshuffled_examples_need_a_given_hessian_vector():
    """Of fixed batches it is had from the gradient."""
    data, settings = (np.array([1.0, 0.5, 2.0, 1.5]),), Settings(0.002, trajectories=20, **EXAMPLES)
    given = Custom(cubic, data, 1, 4, 2, hessian_vector=cubic_hessian_vector)
    not_given = Custom(cubic, data, 1, 4, 2)
    cloud = simulate(not_given, [0.0], settings)
    for call in (
        lambda: control_variate(not_given, cloud),
        lambda: simulate(not_given, [0.0], replace(settings, **DESIGN), progress=never),
    ):
        with pytest.raises(InputError, match=r"^hessian_vector: must be given .* got none"):
            call()
    fixed = replace(settings, sampling="random-order")
    for problem, chosen in ((given, settings), (given, fixed), (not_given, fixed)):
        corrected = simulate(problem, [0.0], replace(chosen, **DESIGN))
        assert corrected.standard_error < 0.3 * simulate(problem, [0.0], chosen).standard_error


def test_a_flow_that_cannot_be_integrated():
    problem = Quadratic([np.diag([1.0, 1e4])] * 2, [[0.0, 0.0]] * 2)
    cloud = simulate(problem, [1.0, 1.0], Settings(1000.0, epochs=2, trajectories=4))
    for call in (
        lambda: control_variate(problem, cloud),
        lambda: simulate(problem, [1.0, 1.0], replace(cloud.settings, **DESIGN), progress=never),
    ):
        with pytest.raises(
            DivergedError, match=r"the flow to take the noise along grew beyond .* in epoch 1 of 2$"
        ):
            call()
