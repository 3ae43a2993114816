"""Pieces of a study are all of it, and about as much work for each task."""

import numpy as np
import pytest

from mcsgd.studies.sharing import PIECES, deal

LADDER = [2.0**i for i in range(12)]
GRID = list(np.random.default_rng(0).lognormal(sigma=2.0, size=300))


@pytest.mark.parametrize("tasks", [1, 2, 7, 100])
@pytest.mark.parametrize("weights", [LADDER, GRID, [3.0], [1.0] * 50], ids=["ladder", "grid", "one", "equal"])
def test_all_is_dealt_out_evenly(weights, tasks):
    """Even where the work of one kind takes ten times as long as is thought."""
    kinds = ["cheap", "dear", "dear"] * len(weights)
    dealt = deal(weights, [10**6] * len(weights), kinds, tasks)
    shares = {}
    for i, share in (piece for some in dealt for piece in some):
        shares.setdefault(i, []).append(share)
    assert sorted(shares) == list(range(len(weights)))
    for of_point in shares.values():
        assert sorted(of_point) == [(k, len(of_point)) for k in range(len(of_point))]
    assert sum(map(len, dealt)) <= len(weights) + 2 * PIECES * tasks
    for factor in (1, 10):
        costs = [weight * (factor if kinds[i] == "dear" else 1) for i, weight in enumerate(weights)]
        loads = [sum(costs[i] / n for i, (_, n) in some) for some in dealt]
        assert max(loads) <= (1 + 1 / PIECES) * sum(costs) / tasks * (1 + 1e-12)


def test_points_are_cut_no_finer_than_they_can_be():
    dealt = deal([5.0, 1.0, 0.0, 2.0], [1, 3, 4, 2], [0] * 4, 4)
    shares = [(0, (0, 1)), (1, (0, 2)), (1, (1, 2)), (3, (0, 2)), (3, (1, 2))]
    assert sorted(piece for some in dealt for piece in some) == shares


def test_the_largest_come_first():
    (some,) = deal([1.0, 4.0, 2.0], [1, 1, 1], [0, 0, 0], 1)
    assert [piece.point for piece in some] == [1, 2, 0]


def test_nothing_to_do():
    assert deal([0.0, 0.0], [3, 3], [0, 0], 2) == [[], []]
