import numpy as np
import plain_sgd as plain
import pytest

from mcsgd.exact.draws import DRAWS
from mcsgd.problems import Quadratic
from mcsgd.settings import Settings

RNG = np.random.default_rng(6)
A = RNG.normal(size=(3, 2, 2))
HESSIANS, CENTERS = A @ A.transpose(0, 2, 1), RNG.normal(size=(3, 2))
START = np.array([0.3, -1.0])


@pytest.mark.parametrize(("batch_size", "epochs"), [(1, 1), (1, 2), (2, 3)])
def test_against_every_sequence(batch_size, epochs):
    settings = Settings(0.1, epochs=epochs, sampling="with-replacement")
    solution = DRAWS.solve(Quadratic(HESSIANS, CENTERS, batch_size), START, settings)
    every = plain.sequences("with-replacement", 3, batch_size, epochs)
    plain.assert_same(solution, plain.moments(plain.quadratic(HESSIANS, CENTERS), START, 0.1, every))
