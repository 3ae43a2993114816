import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def small_leaves(monkeypatch):
    """Leaves of 64 trajectories, so that few trajectories have many."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)
