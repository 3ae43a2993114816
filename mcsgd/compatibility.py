"""Which settings go together, with how many batches, and with which field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcsgd.checks import Checks
from mcsgd.designs import set_size
from mcsgd.designs.balanced import LARGEST
from mcsgd.schemes import CORRECTED, ORDERED, SAMPLINGS

if TYPE_CHECKING:
    from mcsgd.settings import Settings

__all__ = ["check_sets", "check_together", "mismatch"]

MOST_SCHEDULED = 10**5


def check_together(checks: Checks, settings: Settings) -> None:
    """Check what concerns two settings at once, each of which is right by itself."""
    _check_step(checks, settings)
    _check_design(checks, settings)
    sampling, epochs, snapshots = settings.sampling, settings.epochs, list(settings.snapshots)
    if settings.order and sampling != "given-order":
        checks.fail("order", f"belongs to sampling given-order, got sampling {sampling}")
    if sampling == "given-order" and not settings.order:
        checks.fail("order", "is needed with sampling given-order")
    if snapshots != sorted(set(snapshots)) or (snapshots and snapshots[-1] > epochs):
        checks.fail("snapshots", f"must be ascending epochs in 1..{epochs}, got {snapshots}")
    if settings.paths > settings.trajectories:
        checks.fail("paths", f"must be <= trajectories, {settings.trajectories}; got {settings.paths}")


def _check_step(checks: Checks, settings: Settings) -> None:
    """Check schedule, substeps, momentum and optimiser."""
    schedule, epochs, sampling = settings.schedule, settings.epochs, settings.sampling
    substeps, momentum, adam = settings.substeps, settings.momentum, settings.optimizer == "adam"
    if not isinstance(schedule, str) and len(schedule) != epochs:
        checks.fail("schedule", f"must hold a factor for each of the {epochs} epochs, got {len(schedule)}")
    if schedule != "constant" and epochs > MOST_SCHEDULED:
        checks.fail("schedule", f"is for at most {MOST_SCHEDULED} epochs, got {epochs}")
    if substeps > 1 and sampling == "with-replacement":
        checks.fail("substeps", f"are for samplings that visit each batch once, got {substeps}")
    if momentum and substeps > 1:
        checks.fail("substeps", f"do not go with momentum, got {substeps} and momentum {momentum:g}")
    if adam and sampling != "full-batch":
        checks.fail("optimizer", f"adam is for sampling full-batch, got {sampling}")
    if adam and (momentum or substeps > 1):
        checks.fail("optimizer", "adam goes without momentum and substeps")


def _check_design(checks: Checks, settings: Settings) -> None:
    """Check that the sampling has the design."""
    design, sampling, trajectories = settings.design, settings.sampling, settings.trajectories
    if design == "reversed-pairs" and trajectories % 2:
        checks.fail("trajectories", f"must be even with design reversed-pairs, got {trajectories}")
    if design == "reversed-pairs" and not SAMPLINGS[sampling].random:
        checks.fail("design", f"reversed-pairs needs a random order, and sampling {sampling} has none")
    if design == "balanced" and sampling not in ORDERED:
        wanted = " or ".join(ORDERED)
        checks.fail(
            "design", f"balanced needs fixed batches in a random order, sampling {wanted}; got {sampling}"
        )
    if design == "control-variate":
        if sampling not in CORRECTED:
            checks.fail("design", f"control-variate needs sampling {', '.join(CORRECTED)}; got {sampling}")
        elif not settings.plain:
            checks.fail(
                "design", "control-variate is for plain SGD: without momentum, substeps, or a schedule"
            )


def check_sets(checks: Checks, trajectories: int, batches: int) -> None:
    """Check that the trajectories are whole balanced sets of orders of so many batches."""
    if batches > LARGEST:
        checks.fail("design", f"balanced is for at most {LARGEST} batches, and the problem has {batches}")
        return
    size = set_size(batches)
    if trajectories % size:
        near = max(round(trajectories / size), 1) * size
        checks.fail(
            "trajectories",
            f"must be a multiple of {size}, the balanced set of {batches} batches, such as {near}; "
            f"got {trajectories}",
        )


def mismatch(field: str, settings: Settings) -> str:
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
    kept = settings.sampling == "shuffle-once" and settings.epochs > 1
    if field == "sgd" and settings.momentum and (kept or settings.sampling == "given-order"):
        return (
            "field sgd with momentum belongs to a fresh random order every epoch: where the order stays, "
            f"as with sampling {settings.sampling}, the velocity couples epochs at the same order in eps"
        )
    return ""
