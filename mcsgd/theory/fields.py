"""The modified vector fields by name: what shuffled SGD follows on average.

`mcsgd.theory.first_order` has gradient, gd and sgd; `mcsgd.theory.second_order` has second-order.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from mcsgd.checks import Checks
from mcsgd.errors import McsgdWarning
from mcsgd.problems.base import Problem
from mcsgd.settings import SAMPLINGS, Settings
from mcsgd.theory.first_order import VectorField, gd, gradient, sgd
from mcsgd.theory.second_order import passes, second_order

__all__ = ["FIELDS", "default_fields", "vector_field"]

AFFORDABLE = 1e7
"""Numbers of the data, N d, that an evaluation of a default field may pass: about 50 ms."""


@dataclass(frozen=True)
class Field:
    """A named modified vector field."""

    name: str
    summary: str
    build: Callable[[Problem, Settings], VectorField]


FIELDS = {
    field.name: field
    for field in (
        Field("gradient", "gradient flow on C", gradient),
        Field("gd", "C + (eps/4)|grad C|^2", gd),
        Field("sgd", "first-order field of the mean under the sampling in use", sgd),
        Field("second-order", "second-order field of the mean under the sampling in use", second_order),
    )
}


def default_fields(problem: Problem, settings: Settings) -> tuple[str, ...]:
    """Return the fields that theory has for the sampling in use, least accurate first.

    second-order is left out where `_mismatch` has something to say of it, and where an evaluation takes long,
    for which see `mcsgd.theory.second_order.passes`.
    """
    fields = ("gradient", "gd", "sgd", "second-order")
    cost = passes(problem, settings) * problem.examples * problem.parameters
    return tuple(
        field
        for field in fields
        if not (field == "sgd" and SAMPLINGS[settings.sampling].field == "gd")
        and not (field == "second-order" and (cost > AFFORDABLE or _mismatch(field, settings)))
    )


def _mismatch(field: str, settings: Settings) -> str:
    """Return what theory says instead of a field that does not belong to the sampling, or nothing."""
    if field == "sgd" and settings.sampling == "with-replacement":
        return (
            "field sgd does not belong to sampling with-replacement, which has no variance penalty: its mean "
            "follows gd"
        )
    if field == "second-order" and settings.sampling == "shuffle-once" and settings.epochs > 1:
        return (
            "field second-order belongs to one epoch of sampling shuffle-once: over a fixed time of several "
            "epochs the mean departs from it by another eps^2, and follows it and sgd to first order only"
        )
    return ""


def vector_field(problem: Problem, settings: Settings, field: str) -> VectorField:
    """Return the right-hand side w (d,) -> w' (d,) of a modified flow.

    Raises
    ------
    InputError
        If the field is unknown or the settings do not fit the problem.

    Warns
    -----
    McsgdWarning
        If the field does not belong to the sampling.
    """
    checks = Checks()
    name = checks.choice("field", field, FIELDS)
    checks.done()
    settings.check_with(problem)
    if mismatch := _mismatch(name, settings):
        warnings.warn(mismatch, McsgdWarning, stacklevel=2)
    target = settings.partition(problem)
    if settings.sampling == "reshuffle-examples" and name in ("gradient", "gd"):
        # The mean over examples: with a smaller last batch it differs from the mean over batches.
        target = problem.with_batch_size(1)
    return FIELDS[name].build(target, settings)
