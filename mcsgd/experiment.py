"""Experiment files: a problem, a start, settings and the flows to compare with, in one TOML text.

    [problem]    kind = "logistic"   data = "breast_cancer.h5"   batch_size = 32   l2 = 1e-3
    [start]      kind = "normal"     scale = 0.1   seed = 1
    [sgd]        step_size = 0.05    epochs = 1    sampling = "random-order"
    [ensemble]   trajectories = 100_000   seed = 0   design = "reversed-pairs"
    [flow]       fields = ["gradient", "gd", "sgd"]
    [study]      vary.step_size = [0.05, 0.025, 0.0125]     (for mcsgd study alone)

(one key a line in the file). Paths are relative to the file. Everything is checked before anything is
computed, and all that is wrong is said at once, by the names the file uses: ``sgd.step_size: must be > 0``.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mcsgd.checks import Checks, did_you_mean
from mcsgd.ensemble import Array
from mcsgd.errors import InputError
from mcsgd.problems import Problem
from mcsgd.problems.tables import make_problem
from mcsgd.progress import Progress
from mcsgd.run import Run
from mcsgd.settings import SECTIONS, Settings
from mcsgd.start import make_start
from mcsgd.stopping import StopRules
from mcsgd.studies.grid import Grid
from mcsgd.studies.section import check_study_section
from mcsgd.studies.study import Study
from mcsgd.theory import FIELDS, default_fields
from mcsgd.theory.fields import check_available

if TYPE_CHECKING:
    from mcsgd.warmup import WarmUp

__all__ = ["Experiment"]

PLACES = {name: f"{section}.{name}" for section, names in SECTIONS.items() for name in names}
"""Where each setting stands in an experiment file."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """All that a run needs, checked.

    Attributes
    ----------
    problem : Problem
    start : (d,)
    settings : Settings
    fields : tuple of str
        Flows to compare with.
    made_of : dict
        The sections [problem] and [start], of which problem and start were made, with defaults filled in.
    grid : Grid or None
        Points of the [study] section, if there is one.
    """

    problem: Problem
    start: Array
    settings: Settings
    fields: tuple[str, ...]
    made_of: Mapping[str, Any]
    grid: Grid | None = None

    @property
    def tables(self) -> dict[str, Any]:
        """The sections of the experiment's file, with defaults filled in; plain JSON."""
        sections = {**self.made_of, **self.settings.as_tables(), "flow": {"fields": list(self.fields)}}
        if self.grid is not None:
            sections["study"] = self.grid.as_table()
        # Plain JSON now, not when the result is written: dates and arrays have no other form there.
        plain: dict[str, Any] = json.loads(json.dumps(sections, default=_plain))
        return plain

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Experiment:
        """Read an experiment file.

        Raises
        ------
        InputError
            With all that is wrong in the file; or if it cannot be read, or is not TOML.
        """
        file = Path(path)
        try:
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError([("experiment", f"must be a TOML file, got {file}: {error.strerror}")]) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError([("experiment", f"must be a TOML file, got {file}: {error}")]) from None
        return cls.from_tables(tables, file.parent)

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any], folder: str | os.PathLike[str] = ".") -> Experiment:
        """Make an experiment of the sections of a file, as nested dicts.

        Parameters
        ----------
        tables : dict of dict
        folder : path
            What paths in the sections are relative to.

        Raises
        ------
        InputError
            With all that is wrong.
        """
        checks = Checks()
        sections = _sections(checks, tables)
        problem, about_problem = checks.attempt(lambda: make_problem(sections["problem"], Path(folder))) or (
            None,
            {},
        )
        settings = _settings(checks, sections)
        chosen = _fields(checks, sections["flow"], problem, settings)
        parameters = None if problem is None else problem.parameters
        start, about_start = checks.attempt(lambda: make_start(sections["start"], parameters)) or (None, {})
        if problem is not None and settings is not None:
            checks.attempt(partial(settings.check_with, problem), PLACES)
        grid = None
        if "study" in tables:
            fields = chosen if "fields" in sections["flow"] else None
            given = start, {**about_start, **sections["start"]}
            grid = check_study_section(checks, sections["study"], problem, settings, given, fields)
        checks.done()
        problem, start, settings = cast(Problem, problem), cast(Array, start), cast(Settings, settings)
        return cls(problem, start, settings, chosen, {"problem": about_problem, "start": about_start}, grid)

    def run(
        self,
        path: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        progress: bool | Progress = False,
        keep_cloud: bool = True,
        stop: StopRules | None = None,
        executor: Executor | None = None,
    ) -> Run:
        """Simulate, integrate the flows, predict the covariance, and write all to one HDF5 file.

        With a path, it can be called again: what is there already is not done again. See `simulate`, whose
        arguments these are, and whose exceptions.

        Warns
        -----
        McsgdWarning
            Where m eps lambda_max is beyond 3 at the start, and what `integrate` warns of.
        """
        from mcsgd.running import run

        return run(self, path, workers, progress, keep_cloud, stop, executor)

    def run_task(
        self,
        path: str | os.PathLike[str],
        task: tuple[int, int],
        workers: int | None = None,
        progress: bool | Progress = False,
        keep_cloud: bool = True,
        stop: StopRules | None = None,
    ) -> None:
        """Do share k of n of the simulation, for task = (k, n), k = 0..n - 1, of a job array.

        What is done stands in the directory PATH.parts, of which `mcsgd.merge` makes the file when all
        shares are done. See `run`.

        Raises
        ------
        IncompleteError
            If the time was over before the share was done. What was is kept.
        """
        from mcsgd.running import run_task

        run_task(self, path, task, workers, progress, keep_cloud, stop)

    def study(
        self,
        path: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        progress: bool | Progress = False,
        stop: StopRules | None = None,
        executor: Executor | None = None,
        tasks: int | None = None,
    ) -> Study:
        """Measure all points of the [study] section, and write them to one HDF5 file.

        With a path, it can be called again: what is there already is not done again. See `mcsgd.study`, whose
        arguments these are, and whose exceptions; InputError too if there is no such section.

        Parameters
        ----------
        tasks : int, optional
            Only put together what so many calls of `study_task` have done.

        Raises
        ------
        IncompleteError
            Also if some of the `tasks` have not done all that is theirs; the message names them.
        """
        from mcsgd.studies.measuring import measure

        try:
            return measure(self._grid, self.tables, path, workers, progress, stop, executor, tasks)
        except InputError as error:
            raise error.located(PLACES | {"exact": "study.exact"}) from None

    def study_task(
        self,
        path: str | os.PathLike[str],
        task: tuple[int, int],
        workers: int | None = None,
        progress: bool | Progress = False,
        stop: StopRules | None = None,
    ) -> None:
        """Do share k of n of a study's work, for task = (k, n), k = 0..n - 1, of a job array.

        Points, and shares of the trajectories of those that take long, are dealt out by their cost. What is
        done stands in the directory PATH.parts, of which `study` makes the file: it does what is missing. See
        `study`.

        Raises
        ------
        IncompleteError
            If the time was over before the share was done. What was is kept.
        """
        from mcsgd.studies.measuring import measure_task

        try:
            measure_task(self._grid, self.tables, path, task, workers, progress, stop)
        except InputError as error:
            raise error.located(PLACES | {"exact": "study.exact"}) from None

    @property
    def _grid(self) -> Grid:
        """The points of the study; an error if there is none."""
        if self.grid is None:
            raise InputError([("study", "is needed: a section with vary, as vary.step_size = [0.02, 0.01]")])
        return self.grid

    def warm_up(self) -> WarmUp:
        """Compile all that `run` and `study` need and keep it on disk; return where, and how much it was.

        So a job array compiles once and not in each of its tasks. Of points that need the same machine code,
        one is gone through.
        """
        from mcsgd.warmup import warm_up

        return warm_up(self)


def _plain(value: Any) -> Any:
    """Return lists and numbers for NumPy's, text for all else."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _sections(checks: Checks, tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every section, empty where the file has none."""
    known = ("problem", "start", "sgd", "ensemble", "flow", "study")
    for name, table in tables.items():
        if name not in known:
            checks.fail(str(name), f"unknown section{did_you_mean(str(name), known)}")
        elif not isinstance(table, Mapping):
            checks.fail(name, f"must be a section, got {table!r}")
    return {name: dict(t) if isinstance(t := tables.get(name, {}), Mapping) else {} for name in known}


def _settings(checks: Checks, sections: Mapping[str, Mapping[str, Any]]) -> Settings | None:
    """Make the settings of their sections."""
    given: dict[str, Any] = {}
    for section, names in SECTIONS.items():
        checks.known_keys(section, sections[section], names)
        given |= {name: value for name, value in sections[section].items() if name in names}
    if "step_size" not in given:
        checks.fail(PLACES["step_size"], "is needed")
        given["step_size"] = 1.0  # so that the other settings are checked
    return checks.attempt(lambda: Settings(**given), PLACES)


def _fields(
    checks: Checks, table: Mapping[str, Any], problem: Problem | None, settings: Settings | None
) -> tuple[str, ...]:
    """Return the fields to integrate: those given, or those that theory has for the sampling."""
    checks.known_keys("flow", table, ("fields",))
    if "fields" not in table:
        return () if problem is None or settings is None else default_fields(problem, settings)
    names = table["fields"]
    if not isinstance(names, list):
        checks.fail("flow.fields", f"must be a list of names, got {names!r}")
        return ()
    chosen = []
    for i, name in enumerate(names):
        place = f"flow.fields[{i}]"
        chosen.append(checks.choice(place, name, FIELDS))
        if checks.passed(place) and problem is not None and settings is not None:
            check_available(checks, place, chosen[-1], problem, settings)
    return tuple(dict.fromkeys(chosen))
