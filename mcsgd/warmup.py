"""Compile ahead all that an experiment needs: its run, and the points of its study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from numba.core.event import install_recorder

from mcsgd.ensemble import Array
from mcsgd.experiment import Experiment
from mcsgd.kernels.jit import cache_directory
from mcsgd.problems import Problem
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.studies.job import Job
from mcsgd.theory import vector_field
from mcsgd.theory.covariance import default_covariance
from mcsgd.theory.curvature import range_number

__all__ = ["WarmUp", "warm_up"]


class WarmUp(NamedTuple):
    """What was compiled ahead.

    Attributes
    ----------
    directory : str
        Where it is kept.
    functions : int
        Those that were not there yet, each for the types it is needed for. A user's own are compiled in each
        process, and do not count.
    points : int
        Of a study, those that were gone through: one of each kind (`Job.kinds`).
    """

    directory: str
    functions: int
    points: int


def warm_up(experiment: Experiment) -> WarmUp:
    """See `Experiment.warm_up`."""
    grid, points = experiment.grid, 0
    with install_recorder("numba:compile") as recorder:
        _compile(experiment.problem, experiment.start, experiment.settings, experiment.fields)
        default_covariance(experiment.problem, experiment.start, experiment.settings)
        if grid is not None:
            points = _compile_study(Job(grid, experiment.tables, workers=1))
    compiled = [event.data["dispatcher"] for _, event in recorder.buffer if event.is_start]
    kept = [function for function in compiled if function.stats.cache_path is not None]
    return WarmUp(cache_directory(), len(kept), points)


def _compile_study(job: Job) -> int:
    """Go through a point of each kind, that of the least work, and return how many they are."""
    order = sorted(range(len(job.grid.points)), key=job.weights.__getitem__, reverse=True)
    least = {job.kinds[i]: i for i in order}
    for i in least.values():
        if job.methods[i] is not None:
            job.exact(i)
        else:
            point = job.grid.points[i]
            _compile(point.problem, point.start, point.settings, point.fields)
    return len(least)


def _compile(problem: Problem, start: Array, settings: Settings, fields: Sequence[str]) -> None:
    """Make the fewest trajectories, and look once at each field."""
    few: dict[str, Any] = {
        "trajectories": settings.trajectories_per_unit(settings.partition(problem).batches),
        # A control variate needs the flow, and its Jacobian, from the second epoch on.
        "epochs": min(settings.epochs, 2) if settings.design == "control-variate" else 1,
        "schedule": "constant",
        "snapshots": (),
        "paths": 0,
    }
    simulate(problem, start, replace(settings, **few), workers=1).moments  # noqa: B018
    range_number(problem, start, settings)
    for field in fields:
        vector_field(problem, settings, field)(start)
