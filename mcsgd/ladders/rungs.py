"""The rungs of a ladder: one setting at several values, all else the same; the [study] section of a file.

    [study]   vary = "step_size"   values = [0.02, 0.01, 0.005]   fixed_time = true

In place of `values`, `rungs = 5` with `factor = 0.5` begins at the experiment's own value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mcsgd.checks import Checks
from mcsgd.errors import InputError
from mcsgd.problems.base import Problem
from mcsgd.settings import Settings

__all__ = ["VARIED", "Rung", "check_study_section", "exact_choice", "make_rungs"]

WHOLE = 1e-9
EXACT = ("auto", True, False)


@dataclass(frozen=True)
class Varied:
    """A setting that a ladder can vary.

    Attributes
    ----------
    whole : bool
        Whether its values are integers.
    size : str
        What the order is measured in.
    kept : str
        What changes with it at fixed time so that epochs * m * eps stays; empty if nothing can.
    factor : float
        Of the ladder, by default.
    """

    whole: bool
    size: str
    kept: str = ""
    factor: float = 2


VARIED = {
    "step_size": Varied(False, "step size", kept="epochs", factor=0.5),
    "epochs": Varied(True, "epochs", kept="step_size"),
    "batch_size": Varied(True, "batch size", kept="step_size"),
    "substeps": Varied(True, "substeps"),
    "momentum": Varied(False, "1/(1 - momentum)"),
}


class Rung(NamedTuple):
    """One rung: the varied setting's value, the size that orders are measured in, and what to run."""

    value: float
    size: float
    problem: Problem
    settings: Settings


def make_rungs(
    checks: Checks,
    problem: Problem,
    settings: Settings,
    vary: Any,
    values: Any,
    fixed_time: Any,
    prefix: str = "",
) -> list[Rung]:
    """Return the rungs of a ladder, in the order of the values; issues are recorded under their names.

    At fixed time, more epochs have smaller steps, smaller steps more epochs, and smaller batches, of which
    an epoch has more, smaller steps. Epochs at fixed time are measured by their step size.
    """
    name = checks.choice(f"{prefix}vary", vary, VARIED)
    if not isinstance(fixed_time, bool):
        checks.fail(f"{prefix}fixed_time", f"must be true or false, got {fixed_time!r}")
    elif fixed_time and not VARIED[name].kept and checks.passed(f"{prefix}vary"):
        able = ", ".join(n for n, varied in VARIED.items() if varied.kept)
        checks.fail(f"{prefix}fixed_time", f"belongs to vary {able}; got {name}")
    elif fixed_time and settings.schedule != "constant":
        checks.fail(f"{prefix}fixed_time", "needs schedule constant")
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str) or len(values) < 2:
        checks.fail(f"{prefix}values", f"must be a list of two values or more, got {values!r}")
    if checks.issues:
        return []
    plain = replace(settings, snapshots=(), paths=0)
    rungs = []
    for i, value in enumerate(values):
        argument = f"{prefix}values[{i}]"
        try:
            rungs.append(_rung(problem, plain, name, value, fixed_time))
        except InputError as error:
            for issue in error.issues:
                own = "" if issue.argument == name else f"{issue.argument} "
                checks.fail(argument, own + issue.message)
    steps = np.diff([rung.value for rung in rungs])
    if not checks.issues and not ((steps > 0).all() or (steps < 0).all()):
        checks.fail(f"{prefix}values", f"must ascend or descend, got {list(values)}")
    return rungs


def _rung(problem: Problem, settings: Settings, name: str, value: Any, fixed_time: bool) -> Rung:
    if name == "batch_size":
        other = problem.with_batch_size(value)
        m, now = settings.partition(problem).batches, settings.partition(other).batches
        eps = settings.step_size * m / now if fixed_time else settings.step_size
        varied = replace(settings, step_size=eps)
        varied.check_with(other)
        return Rung(value, value, other, varied)
    varied = replace(settings, **{name: value})
    size: float = getattr(varied, name)
    if name == "step_size" and fixed_time:
        varied = replace(varied, epochs=_epochs(settings, varied.step_size))
    elif name == "epochs" and fixed_time:
        size = settings.step_size * settings.epochs / varied.epochs
        varied = replace(varied, step_size=size)
    elif name == "momentum":
        size = 1 / (1 - varied.momentum)
    varied.check_with(problem)
    return Rung(value, size, problem, varied)


def _epochs(settings: Settings, step_size: float) -> int:
    """Return so many epochs that the flow time stays."""
    epochs = settings.epochs * settings.step_size / step_size
    if round(epochs) < 1 or abs(epochs - round(epochs)) > WHOLE * epochs:
        whole = f"step_size {settings.step_size:g} and epochs {settings.epochs}"
        raise InputError(
            [("step_size", f"must give whole epochs in the time of {whole}; {step_size:g} gives {epochs:g}")]
        )
    return round(epochs)


def exact_choice(checks: Checks, argument: str, value: Any) -> Any:
    """Check whether means are to be exact: "auto", True or False."""
    if isinstance(value, str | bool) and value in EXACT:
        return value
    checks.fail(argument, f"must be auto, true or false, got {value!r}")
    return "auto"


def check_study_section(
    checks: Checks, table: Mapping[str, Any], problem: Problem | None, settings: Settings | None
) -> dict[str, Any]:
    """Return the arguments vary, values, fixed_time and exact of `mcsgd.study` that a [study] section gives.

    Where problem or settings are wrong (None), the section is checked as far as it can be.
    """
    keys = ("vary", "values", "factor", "rungs", "fixed_time", "exact")
    checks.known_keys("study", table, keys)
    vary, fixed_time = table.get("vary", "step_size"), table.get("fixed_time", False)
    exact = exact_choice(checks, "study.exact", table.get("exact", "auto"))
    ladder = [key for key in ("factor", "rungs") if key in table]
    if "values" in table and ladder:
        checks.fail(f"study.{ladder[0]}", "is for a ladder without values")
    if "values" not in table and "rungs" not in table:
        checks.fail("study.values", "is needed, or rungs")
    own = Checks()
    if problem is not None and settings is not None:
        values = table.get("values") if "values" in table else _ladder(own, table, vary, problem, settings)
        if not own.issues and ("values" in table or "rungs" in table):
            make_rungs(own, problem, settings, vary, values, fixed_time, prefix="study.")
    else:
        own.choice("study.vary", vary, VARIED)
        values = []
    checks.issues += own.issues
    return {"vary": vary, "values": values, "fixed_time": fixed_time, "exact": exact}


def _ladder(
    checks: Checks, table: Mapping[str, Any], vary: Any, problem: Problem, settings: Settings
) -> Sequence[float]:
    """Return the experiment's own value times 1, factor, factor^2, ..."""
    name = checks.choice("study.vary", vary, VARIED)
    rungs = checks.integer("study.rungs", table.get("rungs", 2), at_least=2, at_most=100)
    factor = checks.number("study.factor", table.get("factor", VARIED[name].factor), above=0)
    first = problem.batch_size if name == "batch_size" else getattr(settings, name)
    values = [first * factor**i for i in range(rungs)] if not checks.issues else []
    if VARIED[name].whole:
        values = [round(v) if abs(v - round(v)) <= WHOLE * v else v for v in values]
    return values
