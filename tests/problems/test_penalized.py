import numpy as np
import pytest
from reference import directional, epoch, permutation

from mcsgd.errors import InputError
from mcsgd.problems import Custom, Penalized
from mcsgd.settings import Settings
from mcsgd.simulation import simulate


@pytest.fixture
def penalized(problem):
    return Penalized(problem, 0.3)


def test_loss_and_derivatives(penalized):
    w, u, v = np.random.default_rng(1).normal(size=(3, penalized.parameters)) * 0.7
    for k in (0, penalized.batches - 1):
        g = penalized.problem.gradient(w, k)
        assert penalized.loss(w, k) == pytest.approx(
            penalized.problem.loss(w, k) + 0.3 / 4 * g @ g, rel=1e-13
        )
        slope = directional(lambda x, k=k: penalized.loss(x, k), w, u)
        np.testing.assert_allclose(penalized.gradient(w, k) @ u, slope, rtol=1e-7, atol=1e-8)
        curve = directional(lambda x, k=k: penalized.gradient(x, k), w, u)
        np.testing.assert_allclose(penalized.hessian_vector(w, u, k), curve, rtol=1e-7, atol=1e-8)
        third = directional(lambda x, k=k: penalized.hessian_vector(x, v, k), w, u)
        np.testing.assert_allclose(penalized.third_derivative(w, u, v, k), third, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(penalized.third_derivatives(w, u, v)[k], third, rtol=1e-6, atol=1e-7)


def test_trajectories_against_plain_reference(penalized):
    w0 = np.random.default_rng(2).normal(size=penalized.parameters) * 0.5
    cloud = simulate(penalized, w0, Settings(0.02, trajectories=2, seed=9))
    expected = epoch(penalized, w0, 0.02, permutation(9, 1, 0, penalized.batches))
    np.testing.assert_allclose(cloud.endpoints[1], expected, rtol=0, atol=1e-14 * np.abs(expected).max())


def test_identity(toy):
    digests = [
        toy.digest(),
        Penalized(toy, 0.1).digest(),
        Penalized(toy, 0.2).digest(),
        Penalized(toy, 0.1).with_batch_size(2).digest(),
    ]
    assert len(set(digests)) == 4
    assert Penalized(toy, 0.1).describe() == {**toy.describe(), "gradient_penalty": 0.1}


def test_refusals(toy):
    with pytest.raises(InputError, match="strength: must be >= 0, got -1"):
        Penalized(toy, -1)
    with pytest.raises(InputError, match="sampling: reshuffle-examples needs batch losses that are means"):
        simulate(Penalized(toy, 0.1), [1.0, 1.0], Settings(0.1, sampling="reshuffle-examples"))

    def gradient(w, batch, data, out):
        out[:] = w

    custom = Custom(gradient, (1.0,), parameters=2, examples=2, batch_size=1)
    with pytest.raises(InputError, match="problem: must have formulas for its derivatives, got Custom"):
        Penalized(custom, 0.1)
