"""The modified vector fields by name: what shuffled SGD follows on average.

`mcsgd.theory.first_order` has gradient, gd and sgd, `mcsgd.theory.second_order` second-order. With
momentum gradient, gd and sgd are those of `mcsgd.theory.momentum`; for Adam gradient and gd are those of
`mcsgd.theory.adam`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from mcsgd.checks import Checks
from mcsgd.compatibility import mismatch
from mcsgd.errors import InputError, McsgdWarning
from mcsgd.problems.base import Problem
from mcsgd.schemes import SAMPLINGS
from mcsgd.settings import Settings
from mcsgd.theory import adam, momentum
from mcsgd.theory.first_order import VectorField, gd, gradient, sgd
from mcsgd.theory.second_order import passes, second_order

__all__ = [
    "FIELDS",
    "available_fields",
    "build_field",
    "check_available",
    "check_field",
    "default_fields",
    "target_of",
    "vector_field",
]

AFFORDABLE = 1e7
"""Numbers of the data, N d, that an evaluation of a default field may pass: about 50 ms."""


Builder = Callable[[Problem, Settings], VectorField]


@dataclass(frozen=True)
class Field:
    """A named modified vector field, of plain SGD, of SGD with momentum and of Adam, where there is one."""

    name: str
    summary: str
    plain: Builder
    with_momentum: Builder | None = None
    adam: Builder | None = None

    def builder(self, problem: Problem, settings: Settings) -> Builder | None:
        """Return what builds the field for a way to step, or None."""
        if settings.optimizer == "adam":
            return self.adam
        if settings.momentum:
            return self.with_momentum
        if self.name == "second-order" and (settings.substeps > 1 or not _any_horizon(problem, settings)):
            return None
        return self.plain


FIELDS = {
    field.name: field
    for field in (
        Field("gradient", "gradient flow on C", gradient, momentum.gradient, adam.gradient),
        Field("gd", "C + (eps/4)|grad C|^2", gd, momentum.gd, adam.gd),
        Field("sgd", "first-order field of the mean under the sampling in use", sgd, momentum.sgd),
        Field("second-order", "second-order field of the mean under the sampling in use", second_order),
    )
}
"""The fields by name; `default_fields` says which of them theory has for some settings."""


def _any_horizon(problem: Problem, settings: Settings) -> bool:
    """Tell whether the second-order field can be had for each epoch's step size by itself."""
    uneven = settings.sampling == "reshuffle-examples" and problem.examples % problem.batch_size != 0
    return settings.schedule == "constant" or not (uneven or settings.sampling == "with-replacement")


def available_fields(problem: Problem, settings: Settings) -> list[str]:
    """Return the fields that have a form for the way to step."""
    return [name for name, field in FIELDS.items() if field.builder(problem, settings) is not None]


def default_fields(problem: Problem, settings: Settings) -> tuple[str, ...]:
    """Return the fields that theory has for the sampling and way to step in use, least accurate first.

    second-order is left out where `mcsgd.compatibility.mismatch` has something to say of it, and where an
    evaluation takes long, for which see `mcsgd.theory.second_order.passes`.
    """
    there = available_fields(problem, settings)
    if SAMPLINGS[settings.sampling].field == "gd" and "sgd" in there:
        there.remove("sgd")
    if "second-order" in there:
        cost = passes(problem, settings) * problem.examples * problem.parameters
        if cost > AFFORDABLE or mismatch("second-order", settings):
            there.remove("second-order")
    return tuple(there)


def check_available(checks: Checks, argument: str, name: str, problem: Problem, settings: Settings) -> None:
    """Check that a known field has a form for the way to step."""
    there = available_fields(problem, settings)
    if name not in there:
        extras = ", ".join(f"{extra} {getattr(settings, extra)}" for extra in settings.extras)
        checks.fail(argument, f"must be one of {', '.join(there)} with {extras}, got {name}")


def check_field(problem: Problem, settings: Settings, field: str) -> str:
    """Return the field's name; see `vector_field` for what is raised and warned."""
    checks = Checks()
    name = checks.choice("field", field, FIELDS)
    if checks.passed("field"):
        check_available(checks, "field", name, problem, settings)
    checks.done()
    settings.check_with(problem)
    if instead := mismatch(name, settings):
        warnings.warn(instead, McsgdWarning, stacklevel=3)
    return name


def target_of(problem: Problem, settings: Settings, name: str) -> Problem:
    """Return the problem whose mean over batches the field is about."""
    if settings.sampling == "reshuffle-examples" and name in ("gradient", "gd"):
        # The mean over examples: with a smaller last batch it differs from the mean over batches.
        return problem.with_batch_size(1)
    return settings.partition(problem)


def build_field(problem: Problem, settings: Settings, name: str) -> VectorField:
    """Return the right-hand side of a field that `check_field` has let pass, for `settings.step_size`."""
    builder = FIELDS[name].builder(problem, settings)
    if builder is None:
        raise InputError([("field", f"{name} has no form for these settings")])
    return builder(target_of(problem, settings, name), settings)


def vector_field(problem: Problem, settings: Settings, field: str) -> VectorField:
    """Return the right-hand side w (d,) -> w' (d,) of a modified flow.

    For the step size `settings.step_size`: a schedule changes it from epoch to epoch, which
    `mcsgd.integrate` does.

    Raises
    ------
    InputError
        If the field is unknown, has no form for the way to step, or the settings do not fit the problem.

    Warns
    -----
    McsgdWarning
        If the field does not belong to the sampling.
    """
    return build_field(problem, settings, check_field(problem, settings, field))
