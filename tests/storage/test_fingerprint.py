from dataclasses import replace

import numpy as np
import pytest

from mcsgd.problems import LinearRegression, LogisticRegression, ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.storage.fingerprint import fingerprint

SETTINGS = Settings(0.1, trajectories=10)
X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 1, 0])


def identity(problem=None, start=(1.0, 2.0), settings=SETTINGS, stream=1):
    problem = problem or LinearRegression(X, Y, 2)
    return fingerprint(problem.digest(), np.array(start), settings, stream)


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": replace(SETTINGS, seed=1)},
        {"settings": replace(SETTINGS, step_size=0.2)},
        {"settings": replace(SETTINGS, epochs=2)},
        {"settings": replace(SETTINGS, sampling="with-replacement")},
        {"settings": replace(SETTINGS, design="reversed-pairs")},
        {"settings": replace(SETTINGS, design="balanced")},
        {"start": (1.0, 2.0000000000000004)},
        {"stream": 2},
        {"problem": LinearRegression(X, Y, 3)},
        {"problem": LinearRegression(X, Y, 2, l2=0.1)},
        {"problem": LinearRegression(X[::-1], Y, 2)},
        {"problem": LogisticRegression(X, Y, 2)},
        {"problem": ScalarFactorization([1.0], [0.6])},
    ],
)
def test_all_that_determines_a_trajectory_counts(changed):
    assert identity(**changed) != identity()


def test_the_number_of_trajectories_does_not():
    assert identity(settings=replace(SETTINGS, trajectories=1000)) == identity()
    assert identity() == identity()
