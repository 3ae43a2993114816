"""Problems are sent to other processes."""

import pickle

import numpy as np
import pytest
from conftest import PROBLEMS, make_problems

from mcsgd.settings import Settings
from mcsgd.simulation import simulate


@pytest.mark.parametrize("name", PROBLEMS)
def test_sent_as_they_were_made(name):
    """Else a process would load, for types of numba that are not equal, its kernels again."""
    problem = make_problems()[name]
    before = pickle.dumps(problem)
    simulate(problem, np.full(problem.parameters, 0.1), Settings(1e-3, trajectories=10))
    assert pickle.dumps(problem) == before
