"""Problems are sent to other processes: what arrives needs no kernel that is not on the disk there."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import make_problems

from mcsgd.problems import Penalized
from mcsgd.settings import Settings
from mcsgd.simulation import simulate

SETTINGS = Settings(1e-3, trajectories=10)


def make_all():
    """New ones, of which nothing was asked yet."""
    problems = make_problems()
    return {**problems, "penalized": Penalized(problems["logistic"], 0.1).with_batch_size(4)}


def endpoints(problem):
    return simulate(problem, np.full(problem.parameters, 0.1), SETTINGS).endpoints.tobytes()


@pytest.fixture(params=make_all())
def problem(request):
    return make_all()[request.param]


def test_sent_as_they_were_made(problem):
    before = pickle.dumps(problem)
    endpoints(problem)
    assert pickle.dumps(problem) == before


def compared(name, arrived):
    """What is run of a problem that arrived elsewhere, beside one that was made there."""
    made = make_all()[name]
    assert arrived.kernels == made.kernels
    assert arrived.data_type == made.data_type
    assert arrived.digest() == made.digest()
    assert not any(item.flags.writeable for item in arrived.data if isinstance(item, np.ndarray))
    return endpoints(arrived)


def test_what_arrives_elsewhere_is_what_would_be_made_there():
    problems = make_all()
    here = list(map(endpoints, problems.values()))
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        assert list(executor.map(compared, problems, problems.values())) == here


def test_a_pointer_stays_here(toy):
    with pytest.raises(TypeError, match="of no use in another process"):
        pickle.dumps(toy.pointer("gradient"))
