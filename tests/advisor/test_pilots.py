import time

import numpy as np
import pytest
from scipy import stats

from mcsgd.advisor.pilots import Advice, Effect, Pilots, std_interval
from mcsgd.settings import Settings
from mcsgd.simulation import simulate


@pytest.mark.parametrize("units", [2, 8, 100, 100_000])
def test_interval_of_a_standard_deviation(units):
    """Its ends are the standard deviations of which the one found is among the largest, and the smallest."""
    lower, upper = std_interval(3.0, units)
    dof = units - 1
    assert stats.chi2.sf(dof * (3.0 / lower) ** 2, dof) == pytest.approx(0.025, rel=1e-9)
    assert stats.chi2.cdf(dof * (3.0 / upper) ** 2, dof) == pytest.approx(0.025, rel=1e-9)


def test_interval_covers():
    found = np.random.default_rng(0).normal(scale=2.0, size=(4000, 8)).std(axis=1, ddof=1)
    lower, upper = np.array([std_interval(s, 8) for s in found]).T
    assert np.mean((lower < 2) & (upper > 2)) == pytest.approx(0.95, abs=0.02)  # five standard errors: 0.017


def test_advice_is_plain():
    advice = Advice("independent", 0.1, ("gd", "sgd"), 5, std=0.2, std_interval=(0.1, 0.3))
    about = advice.as_dict()
    assert about["std_interval"] == [0.1, 0.3]
    assert about["fields"] == ["gd", "sgd"]
    assert about["trajectories"] is None


def test_seconds_are_those_of_a_run(toy):
    """Of a hundred times the pilot's trajectories; within a factor of eight, for other work goes on."""
    settings = Settings(0.01, epochs=20, trajectories=1000)
    pilots = Pilots(toy, np.array([1.2, 0.7]), settings, Effect(1e-4), 5, 1000, 1)
    advice = pilots.advice("independent", [])
    n = 200_000
    begin = time.perf_counter()
    simulate(toy, [1.2, 0.7], Settings(0.01, epochs=20, trajectories=n), workers=1)
    took = time.perf_counter() - begin
    assert 1 / 8 < advice.seconds / advice.trajectories * n / took < 8
