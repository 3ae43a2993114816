"""The [study] section of an experiment file.

    [study]
    vary.step_size = {rungs = 5, factor = 0.5}                 from the experiment's own value on
    vary.sampling = ["random-order", "with-replacement"]       or a list of values
    fixed_time = true

Every combination is a point of the study: `mcsgd.studies.axes.KINDS` has what can vary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.ensemble import Array
from mcsgd.problems.base import Problem
from mcsgd.settings import Settings
from mcsgd.start import make_start
from mcsgd.studies.axes import KINDS
from mcsgd.studies.grid import WHOLE, Grid, make_grid

__all__ = ["check_study_section"]

VARY = "is needed: a list of values for each setting, as vary.step_size = [0.02, 0.01]"


def check_study_section(
    checks: Checks,
    table: Mapping[str, Any],
    problem: Problem | None,
    settings: Settings | None,
    start: tuple[Array | None, Mapping[str, Any]],
    fields: Iterable[str] | None,
) -> Grid | None:
    """Return the grid that a [study] section describes, or None, with issues recorded.

    Where problem, settings or the start are wrong (None), the section is checked as far as it can be. `start`
    has its vector and the section of that name; `fields` are those of [flow], if it has any.
    """
    checks.known_keys("study", table, ("vary", "fixed_time", "exact"))
    if "vary" not in table:
        checks.fail("study.vary", VARY)
        return None
    vary = table["vary"]
    if not isinstance(vary, Mapping):
        checks.fail("study.vary", f"must be a table, as vary.step_size = [0.02, 0.01]; got {vary!r}")
        return None
    if problem is None or settings is None:
        for name in vary:
            checks.choice("study.vary", name, [known for known in KINDS if known != "start_index"])
        return None
    own = Checks()
    lists = {name: _values(own, name, given, problem, settings) for name, given in vary.items()}
    starts = _starts(own, lists, *start, problem.parameters)
    if "start_index" in lists:
        own.fail("study.vary.start_index", "is for Python; here start_seed varies the start")
    checks.issues += own.issues
    if own.issues:
        return None
    options = {"fixed_time": table.get("fixed_time", False), "exact": table.get("exact", "auto")}
    places = {"prefix": "study.", "place": "flow.fields"}
    return make_grid(checks, problem, settings, starts, lists, fields, **options, **places)


def _values(checks: Checks, name: str, given: Any, problem: Problem, settings: Settings) -> Any:
    """Return a list of values as it is, and for a table with rungs the own value times 1, factor, ..."""
    if not isinstance(given, Mapping) or name not in KINDS:
        return given
    place, kind = f"study.vary.{name}", KINDS[name]
    checks.known_keys(place, given, ("rungs", "factor"))
    if not kind.size:
        checks.fail(place, f"must be a list of values, got {dict(given)}")
        return []
    rungs = checks.integer(f"{place}.rungs", given.get("rungs"), at_least=2, at_most=100)
    factor = checks.number(f"{place}.factor", given.get("factor", kind.factor), above=0)
    if checks.issues:
        return []
    first = problem.batch_size if name == "batch_size" else getattr(settings, name)
    values = [first * factor**i for i in range(rungs)]
    if kind.whole:
        values = [round(v) if abs(v - round(v)) <= WHOLE * v else v for v in values]
    return values


def _starts(
    checks: Checks, lists: Mapping[str, Any], start: Array | None, table: Mapping[str, Any], parameters: int
) -> dict[Any, Array]:
    """Return the start for every seed, or the one start."""
    known = np.zeros(parameters) if start is None else start
    if "start_seed" not in lists:
        return {None: known}
    place, seeds = "study.vary.start_seed", lists["start_seed"]
    if table.get("kind") != "normal":
        checks.fail(place, f"needs start.kind normal, got {table.get('kind', 'value')}")
    if not isinstance(seeds, list):
        return {}
    for i, seed in enumerate(seeds):
        checks.integer(f"{place}[{i}]", seed, at_least=0)
    if checks.issues or start is None:
        return {seed: known for seed in seeds if isinstance(seed, int)}
    return {seed: make_start({**table, "seed": seed}, parameters)[0] for seed in seeds}
