import json
from dataclasses import replace

import numpy as np
import pytest

from mcsgd.correction import control_variate
from mcsgd.covariance_comparison import compare_covariance
from mcsgd.errors import DivergedError, InputError
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import predicted_covariance

START = np.array([1.2, 0.7])
PREDICTED = np.diag([4.0, 12.0])


def with_endpoints(cloud, endpoints):
    return replace(cloud, rows=replace(cloud.rows, endpoints=endpoints))


def test_plain_numbers(toy):
    cloud = simulate(toy, START, Settings(0.01, trajectories=3))
    cloud = with_endpoints(cloud, np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 9.0]]))
    found = compare_covariance(cloud, PREDICTED)
    assert found.sample == pytest.approx([1, np.sqrt(27)])
    assert found.predicted.tolist() == [2, np.sqrt(12)]
    assert (found.sample_total, found.predicted_total) == pytest.approx((np.sqrt(28), 4))
    assert found.ratio == pytest.approx(np.sqrt(28) / 4)
    # Squared distances from the mean, (2, 3): 10, 9, 37.
    error = np.std([10, 9, 37], ddof=1) / np.sqrt(3) / (2 * 28)
    assert found.ratio_standard_error == pytest.approx(found.ratio * error)
    assert "5.292e+00, 1.323 ± 0.2 times the predicted 4.000e+00." in str(found)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["ratio"] == found.ratio


@pytest.mark.parametrize("design", ["independent", "reversed-pairs", "balanced"])
def test_the_standard_error_is_that_of_the_ratio(toy, design):
    """In 100 ensembles; pairs and sets have as much to say as their units."""
    found, predicted = [], predicted_covariance(toy, START, Settings(0.005))
    for seed in range(100):
        settings = Settings(0.005, trajectories=240, seed=seed, design=design)
        found.append(compare_covariance(simulate(toy, START, settings), predicted))
    ratios = np.array([f.ratio for f in found])
    errors = np.array([f.ratio_standard_error for f in found])
    assert ratios.mean() == pytest.approx(1, abs=0.04)
    # Of all 24 orders in each set the squares' mean is the same: what is left is rounding.
    assert ratios.std() == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.25, abs=1e-12)


def test_moments_alone_give_the_error_of_normal_endpoints(toy):
    rng, n = np.random.default_rng(0), 20_000
    settings = Settings(0.01, trajectories=n)
    kept = simulate(toy, START, settings)
    normal = with_endpoints(kept, START + rng.normal(size=(n, 2)) * [1.0, 2.0])
    moments = replace(normal, rows=None, known_moments=normal.statistics)
    one, other = (compare_covariance(cloud, PREDICTED) for cloud in (normal, moments))
    assert one.ratio == other.ratio
    assert one.ratio_standard_error == pytest.approx(other.ratio_standard_error, rel=0.05)


def test_what_is_not_defined(toy):
    one_pair = simulate(toy, START, Settings(0.01, trajectories=2, design="reversed-pairs"))
    alone = compare_covariance(one_pair, PREDICTED)
    assert alone.as_dict()["ratio_standard_error"] is None
    assert "±" not in str(alone)
    cloud = simulate(toy, START, Settings(0.01, trajectories=10))
    still = compare_covariance(cloud, np.zeros((2, 2)))
    assert still.as_dict()["ratio"] is None
    assert json.dumps(still.as_dict(), allow_nan=False)
    assert str(still).endswith("; none is predicted.")


def test_equal_batches_move_by_rounding_errors_alone():
    problem = ScalarFactorization([1.5] * 4, [0.4] * 4)
    settings = Settings(0.1, trajectories=10, epochs=3)
    predicted = predicted_covariance(problem, START, settings)
    assert str(compare_covariance(simulate(problem, START, settings), predicted)).endswith(
        "none is predicted."
    )


def test_a_control_variate_makes_no_difference(toy):
    cloud = simulate(toy, START, Settings(0.01, trajectories=100))
    plain = compare_covariance(cloud, PREDICTED)
    corrected = compare_covariance(control_variate(toy, cloud), PREDICTED)
    assert corrected.as_dict() == plain.as_dict()


def test_refusals(toy):
    cloud = simulate(toy, START, Settings(0.01, trajectories=10))
    with pytest.raises(InputError, match=r"predicted: must be a covariance of shape \(2, 2\)"):
        compare_covariance(cloud, np.eye(3))
    with pytest.raises(InputError, match="predicted: must have variances >= 0, got -1"):
        compare_covariance(cloud, -np.eye(2))
    with pytest.raises(InputError, match="cloud: must have at least two trajectories, got 1"):
        compare_covariance(simulate(toy, START, Settings(0.01, trajectories=1)), PREDICTED)
    steep = Quadratic([[[-1e160]], [[1.0]]], [[0.0], [1.0]])
    with pytest.raises(DivergedError):
        compare_covariance(simulate(steep, [1.0], Settings(0.5, 2, 10)), np.eye(1))
