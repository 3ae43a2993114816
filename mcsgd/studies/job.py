"""What it takes to measure the points of a study: exactly where that can be had, else by Monte Carlo."""

from __future__ import annotations

import json
import warnings
from collections.abc import Hashable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from mcsgd.compatibility import mismatch
from mcsgd.ensemble import Ensemble
from mcsgd.errors import DivergedError, InputError, McsgdWarning
from mcsgd.exact import exact_mean
from mcsgd.exact.choice import feasible_method
from mcsgd.exact.method import Cost, Method
from mcsgd.flow import Flow
from mcsgd.origin import Origin
from mcsgd.problems.base import Problem
from mcsgd.production import Simulation
from mcsgd.progress import Progress
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import make_simulation, origin_of
from mcsgd.sizes import work
from mcsgd.stopping import StopRules
from mcsgd.storage.provenance import Clock, provenance
from mcsgd.studies.axes import START, where_text
from mcsgd.studies.found import Exact, Found, PointResult
from mcsgd.studies.grid import Grid, Point
from mcsgd.studies.study import Study
from mcsgd.theory import FIELDS, integrate
from mcsgd.theory.curvature import range_number

__all__ = ["Job"]

AUTO_STEPS, MOST_STEPS = 1e7, 1e8
"""Gradient steps that an exact mean may take: unasked, about a second; asked."""


@dataclass(frozen=True, eq=False)
class Job:
    """A study to be measured, and by what means, none of which changes it.

    Attributes
    ----------
    grid : Grid
    tables : dict
        Sections of the experiment.
    workers : int
        Threads.
    rules : StopRules
    executor : Executor or None
    """

    grid: Grid
    tables: Mapping[str, Any]
    workers: int
    rules: StopRules = field(default_factory=StopRules)
    executor: Executor | None = None
    _clock: Clock = field(default_factory=Clock)

    def check(self) -> None:
        """Raise InputError, before anything is computed, if a point cannot be measured."""
        for point, cost, simulation in zip(self.grid.points, self.costs, self.simulations, strict=True):
            try:
                if simulation is not None:
                    simulation.check_memory(self.workers, whole=False)
                elif cost is None:
                    exact_mean(point.problem, point.start, point.settings, MOST_STEPS)
            except InputError as error:
                where = where_text(point.at)
                raise InputError((name, f"{message}, at {where}") for name, message in error.issues) from None

    @cached_property
    def methods(self) -> list[tuple[Method, Cost] | None]:
        """How the exact mean of each point is had, and what that needs; None where it is not to be had."""
        exact = self.grid.exact
        steps = MOST_STEPS if exact is True else AUTO_STEPS
        points = self.grid.points
        return [feasible_method(one.problem, one.settings, steps) if exact else None for one in points]

    @cached_property
    def costs(self) -> list[float | None]:
        """Multiply-adds that the exact mean of each point takes; None where it is not to be had."""
        return [
            None if method is None else method[1].steps * _step_work(point.problem, point.settings)
            for point, method in zip(self.grid.points, self.methods, strict=True)
        ]

    @cached_property
    def kinds(self) -> list[Hashable]:
        """A key for each point, the same for those that need the same machine code."""
        found: list[Hashable] = []
        for point, method in zip(self.grid.points, self.methods, strict=True):
            way = point.settings.sampling, point.settings.momentum > 0, point.settings.substeps > 1
            exact = None if method is None else method[0].name
            found.append((point.problem.batch_size, way, point.fields, exact))
        return found

    @cached_property
    def simulations(self) -> list[Simulation | None]:
        """What makes the trajectories of each point; None where the mean is exact, or has to be."""
        return [
            make_simulation(point.problem, point.start, point.settings, "binned moments")
            if cost is None and self.grid.exact is not True
            else None
            for point, cost in zip(self.grid.points, self.costs, strict=True)
        ]

    @cached_property
    def origins(self) -> list[Origin]:
        """What the trajectories of each point would come from."""
        return [
            origin_of(point.problem, point.start, point.settings, "exact mean")
            if simulation is None
            else simulation.origin
            for point, simulation in zip(self.grid.points, self.simulations, strict=True)
        ]

    @cached_property
    def weights(self) -> list[float]:
        """About how many multiply-adds each point takes."""
        found = []
        for point, cost in zip(self.grid.points, self.costs, strict=True):
            settings = point.settings
            each = work(settings.partition(point.problem), settings)
            found.append(each * settings.trajectories if cost is None else cost)
        return found

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Where points come from."""
        return provenance(self._clock, self.workers)

    @property
    def mismatches(self) -> list[str]:
        """What theory says of fields that do not belong to the sampling of a point."""
        pairs = ((name, point.settings) for point in self.grid.points for name in point.fields)
        return [text for name, settings in pairs if (text := mismatch(name, settings))]

    def blank(self, i: int) -> Run:
        """Return origin and experiment of a point."""
        return Run(Ensemble(self.origins[i], None), experiment=self.point_tables(self.grid.points[i]))

    def head(self, i: int, known: Run | None = None, more: tuple[str, ...] = ()) -> Run:
        """Return all of a point's run but its trajectories; of flows, the start and the end.

        Flows that are known already are not integrated again; `more` are fields beside the point's own.
        """
        point, flows = self.grid.points[i], {} if known is None else known.flows
        fields = [name for name in FIELDS if name in point.fields or name in more]
        ends = {name: flows[name] if name in flows else _ends(point, name) for name in fields}
        return replace(self.blank(i), flows=ends, provenance=self.provenance)

    def exact(self, i: int, more: tuple[str, ...] = ()) -> Found:
        """Return a point whose mean is exact; `more` as for `head`."""
        point = self.grid.points[i]
        d = point.start.size
        try:
            answer = exact_mean(point.problem, point.start, point.settings, MOST_STEPS)
            exact = Exact(answer.method, answer.mean, answer.covariance)
        except DivergedError as error:
            exact = Exact("exact", np.full(d, np.nan), np.full((d, d), np.nan), str(error))
        return Found(self.head(i, None, more), (), self.range_number(i), exact)

    def in_memory(self, i: int, report: Progress) -> Found:
        """Return a point measured by Monte Carlo."""
        cloud = cast(Simulation, self.simulations[i]).in_memory(self.workers, report)
        return Found(replace(self.head(i), cloud=cloud), (), self.range_number(i))

    def range_number(self, i: int) -> float:
        """Return m eps lambda_max of a point."""
        point = self.grid.points[i]
        return range_number(point.problem, point.start, point.settings)

    def point_tables(self, point: Point) -> dict[str, Any]:
        """Return the sections of an experiment that is this point alone."""
        tables = {name: dict(table) for name, table in self.tables.items() if name != "study"}
        if "batch_size" in point.at:
            tables["problem"]["batch_size"] = point.at["batch_size"]
        for name in START:
            if name in point.at:
                tables["start"] = {**tables.get("start", {}), name.removeprefix("start_"): point.at[name]}
        tables |= point.settings.as_tables()
        return tables | {"flow": {"fields": list(point.fields)}}

    def complete(self, results: tuple[PointResult, ...], fields: tuple[str, ...]) -> Study:
        """Return the study of what was measured, with a warning for all that is to be said of it."""
        tables = json.loads(json.dumps({**self.tables, "study": self.grid.as_table()}))
        study = Study(self.grid.axes, results, fields, self.grid.fixed_time, tables)
        said = dict.fromkeys([*self.mismatches, *study.range_warnings])
        return replace(study, warnings=tuple(said), provenance=provenance(self._clock, self.workers))


def _ends(point: Point, name: str) -> Flow:
    """Return a flow at its start and its end alone; what is to be warned of, the study says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", McsgdWarning)
        flow = integrate(point.problem, point.start, point.settings, name)
    return replace(flow, time=flow.time[[0, -1]], path=flow.path[[0, -1]])


def _step_work(problem: Problem, settings: Settings) -> float:
    target = settings.partition(problem)
    return work(target, settings) / (settings.epochs * target.batches)
