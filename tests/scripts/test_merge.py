"""The job that puts the work of a job array together, without a Slurm."""

import os
import subprocess
import sys
from pathlib import Path

from mcsgd.experiment import Experiment

MERGE = Path(__file__).parents[2] / "scripts" / "slurm" / "merge.sh"
EXPERIMENT = """
[problem]
kind = "scalar-factorization"
x = [1.0, 0.5]
y = [0.6, 1.0]
[start]
value = [1.2, 0.7]
[sgd]
step_size = 0.01
[ensemble]
trajectories = 100
[study]
exact = false
vary.step_size = [0.01, 0.005]
"""


def merge(experiment, output):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["bash", MERGE, "study", experiment, output, "1", "bash", "submit.sh"]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )


def test_a_study_that_no_task_has_extended(tmp_path):
    """Its file is there and whole, but has not all that is wanted."""
    experiment, output = tmp_path / "study.toml", tmp_path / "study.h5"
    experiment.write_text(EXPERIMENT)
    Experiment.read(experiment).study(output)
    assert merge(experiment, output).returncode == 0
    experiment.write_text(EXPERIMENT.replace("0.005]", "0.005, 0.002]"))
    done = merge(experiment, output)
    assert done.returncode == 1
    assert "of 1 tasks, these are not done: 0." in done.stdout
    assert done.stdout.splitlines()[-1] == "bash submit.sh --array=0 "
    Experiment.read(experiment).study_task(output, (0, 1))
    done = merge(experiment, output)
    assert done.returncode == 0, done.stdout
    assert Experiment.read(experiment).study(output).shape == (3,)
