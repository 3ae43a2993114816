"""Runs of every kind that a page can be about, as files or in memory."""

from dataclasses import replace

import numpy as np
from run_files import CORRECTED, DIVERGED, FULL, warned

from mcsgd.experiment import Experiment
from mcsgd.problems import LinearRegression
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate

SNAPSHOTS = "snapshots = [1, 2, 3]\n"
FILES = {
    "full": (FULL + 'design = "reversed-pairs"\n' + SNAPSHOTS, True),
    "corrected": (CORRECTED, True),
    "moments": (FULL, False),
    "diverged": (DIVERGED, True),
    "all diverged": (DIVERGED.replace("with-replacement", "random-order"), True),
    "no flows": (FULL + SNAPSHOTS + "[flow]\nfields = []\n", True),
    "one trajectory": (
        FULL.replace("epochs = 3", 'epochs = 3\nsampling = "full-batch"').replace("2100", "1").replace("paths = 2", SNAPSHOTS),
        True,
    ),
    "one epoch": (FULL.replace("epochs = 3", "epochs = 1").replace("2100", "1").replace("paths = 2", ""), True),
}  # fmt: skip
"""Experiments, and whether their cloud is kept."""

FIGURES = {
    "full": 5,
    "corrected": 5,
    "moments": 2,
    "diverged": 2,
    "all diverged": 0,
    "no flows": 3,
    "one trajectory": 3,
    "one epoch": 2,
    "many parameters": 4,
}
"""How many each has."""


def make_file(kind, folder):
    """Return the path of a run's file of a kind in FILES."""
    text, keep_cloud = FILES[kind]
    folder.mkdir(exist_ok=True)
    experiment, path = folder / "run.toml", folder / "run.h5"
    experiment.write_text(text)
    with warned(text):
        Experiment.read(experiment).run(path, workers=1, keep_cloud=keep_cloud)
    return path


def many_parameters():
    """Return a run of 2000 parameters in memory, from Python."""
    rng = np.random.default_rng(0)
    problem = LinearRegression(rng.normal(size=(20, 2000)) / 50, rng.normal(size=20), batch_size=5)
    settings = Settings(0.5, epochs=30, trajectories=100, snapshots=[10, 20], paths=40)
    start = np.zeros(2000)
    flows = {field: integrate(problem, start, settings, field) for field in ("gradient", "sgd")}
    return replace(Run(simulate(problem, start, settings)), flows=flows)


def make_run(kind, folder):
    """Return a run of a kind in FIGURES: the path of its file, or the run itself."""
    return many_parameters() if kind == "many parameters" else make_file(kind, folder)
