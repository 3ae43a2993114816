"""Run files with all that they can hold, and what other programs should find in them."""

import contextlib

import numpy as np
import pytest

from mcsgd.errors import McsgdWarning
from mcsgd.experiment import Experiment

FULL = """
[problem]
kind = "scalar-factorization"
x = [1.0, 0.5, 2.0, 1.5]
y = [0.6, 1.0, 0.2, 0.9]
[start]
value = [1.2, 0.7]
[sgd]
step_size = 0.05
epochs = 3
[ensemble]
trajectories = 2100
seed = 9223372036854775807
paths = 2
"""
CORRECTED = FULL + 'design = "control-variate"\nsnapshots = [1, 3]\n'

DIVERGED = """
[problem]
kind = "quadratic"
hessians = [[[-1e160]], [[1.0]], [[1.0]]]
centers = [[0.0], [1.0], [2.0]]
[start]
value = [1.0]
[sgd]
step_size = 0.5
epochs = 2
sampling = "with-replacement"
[ensemble]
trajectories = 40
snapshots = [1, 2]
paths = 5
"""

KINDS = {"full": (CORRECTED, True), "moments": (FULL, False), "diverged": (DIVERGED, True)}


def warned(text):
    """Expect what is said when an experiment is run: the steps of DIVERGED are far too large."""
    steep = "hessians = [[[-1e160]]" in text
    return pytest.warns(McsgdWarning, match="beyond 3: no") if steep else contextlib.nullcontext()


def write_run_file(kind, folder):
    """Return the path of a new run file of a kind in KINDS."""
    text, keep_cloud = KINDS[kind]
    (folder / f"{kind}.toml").write_text(text)
    path = folder / f"{kind}.h5"
    with warned(text):
        Experiment.read(folder / f"{kind}.toml").run(path, workers=1, keep_cloud=keep_cloud)
    return path


def contents(run):
    """All arrays and numbers of a run's file, by the path of their dataset; coordinates aside."""
    return arrays(run) | moments(run.cloud)


def moments(cloud):
    """The group moments of a file, with one line: of fewer trajectories than there are in a leaf."""
    whole = cloud.moments
    found = {"first": 0, "stop": cloud.count, "left_out": whole.left_out, "diverged": whole.diverged}
    for name in ("units",) if whole.singles is whole.units else ("units", "singles"):
        for part in ("count", "mean", "scatter"):
            found[f"{name}/{part}"] = getattr(getattr(whole, name), part)
    return {f"moments/{name}": np.array([values]) for name, values in found.items()}


def arrays(run):
    """All of them but the moments."""
    cloud = run.cloud
    found = {"start": cloud.start}
    if cloud.kept:
        found |= {"endpoints": cloud.endpoints, "status": cloud.status}
    if cloud.corrected is not None:
        found["corrected"] = cloud.corrected
    found |= {name: getattr(cloud, name) for name in ("snapshots", "paths") if getattr(cloud, name).size}
    for field, flow in run.flows.items():
        found |= {f"flows/{field}/{part}": getattr(flow, part) for part in ("time", "path", "endpoint")}
    if run.predicted_covariance is not None:
        found["predicted/covariance"] = run.predicted_covariance
    found |= {"statistics/count": cloud.count, "statistics/diverged": cloud.diverged}
    group = "statistics"
    if cloud.diverged:
        cloud, group = cloud.finished(), "statistics/conditional_on_finishing"
        found[f"{group}/count"] = cloud.count
    return found | {f"{group}/{n}": getattr(cloud, n) for n in ("mean", "standard_error", "covariance")}
