"""What a warm-up leaves on the disk is all that a later process needs."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from mcsgd.experiment import Experiment
from mcsgd.studies.job import Job

EXPERIMENT = """
[problem]
kind = "logistic"
data = "data.npz"
batch_size = 2
[start]
kind = "zeros"
[sgd]
step_size = 0.01
[ensemble]
trajectories = 100
"""
STUDY = """
[study]
vary.batch_size = [2, 4]
vary.momentum = [0.0, 0.5]
vary.sampling = ["random-order", "reshuffle-examples", "with-replacement"]
vary.step_size = [0.01, 0.005]
"""
"""Of some points the mean is exact, by one method or another."""


@pytest.fixture
def folder(tmp_path):
    X = np.random.default_rng(0).normal(size=(16, 3))
    np.savez(tmp_path / "data.npz", X=X, y=np.arange(16) % 2)
    (tmp_path / "run.toml").write_text(EXPERIMENT)
    (tmp_path / "study.toml").write_text(EXPERIMENT + STUDY)
    return tmp_path


def test_it_leaves_nothing_to_compile(folder):
    """A second process, with the first one's cache, compiles no kernel of ours; nor does the same again."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "NUMBA_DEBUG_CACHE": "1"}

    def output(*words):
        whole = [sys.executable, "-m", "mcsgd", *map(str, words)]
        done = subprocess.run(whole, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    text = output("warmup", folder / "study.toml")
    found = re.search(r"Compiled (\d+) functions in [\d.]+ s(.*); kept in (.*)", text)
    assert int(found[1]) == len(re.findall("data saved to", text)) > 10
    assert found[2] == ", for a run and 12 kinds of points"
    assert found[3].startswith(str(folder / "cache"))
    for command in ("run", "study"):
        later = output(command, folder / "study.toml", "-o", folder / f"{command}.h5", "-q")
        assert "data loaded from" in later
        assert "data saved to" not in later
    assert re.search(r"Compiled 0 functions in [\d.]+ s; kept in", output("warmup", folder / "run.toml"))


def test_points_of_a_kind_differ_in_numbers_alone(folder):
    given = Experiment.read(folder / "study.toml")
    job = Job(given.grid, given.tables, 1)
    kinds = {}
    for point, kind in zip(given.grid.points, job.kinds, strict=True):
        kinds.setdefault(kind, []).append(point.at["step_size"])
    assert list(kinds.values()) == [[0.01, 0.005]] * 12
