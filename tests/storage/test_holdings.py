"""What is done of a run is known without having it in memory."""

import signal

import pytest
from kept import many_shards

from mcsgd.settings import Settings
from mcsgd.simulation import make_simulation, simulate
from mcsgd.storage.holdings import Holdings
from mcsgd.storage.parts import Parts

START, SETTINGS = [1.2, 0.7], Settings(0.05, trajectories=6400)


def test_moments_of_many_shards_are_few(toy, tmp_path, monkeypatch):
    """As many as there are binary digits in the number of leaves, not as there are shards."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)

    def interrupt(done, total):
        if done == 63 * 64:
            signal.raise_signal(signal.SIGTERM)

    parts = Parts(tmp_path / "run.h5")
    with many_shards(), pytest.raises(KeyboardInterrupt):
        simulate(toy, START, SETTINGS, parts.target, 1, interrupt, block_size=64, keep_cloud=False)
    origin = make_simulation(toy, START, SETTINGS, kept="moments").origin
    holdings = Holdings(parts, origin)
    assert len(holdings.shards) >= 63
    assert len(holdings.nodes) <= 7
    assert holdings.missing(0, 64 * 63) == []
