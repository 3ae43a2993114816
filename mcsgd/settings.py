"""How SGD is run and how often: step size, epochs, sampling, and the ensemble's design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcsgd.checks import Checks
from mcsgd.designs import set_size
from mcsgd.designs.balanced import LARGEST
from mcsgd.machine import memory_bytes

if TYPE_CHECKING:
    from mcsgd.problems import Problem

__all__ = ["DESIGNS", "SAMPLINGS", "SECTIONS", "Design", "Sampling", "Settings"]


@dataclass(frozen=True)
class Sampling:
    """A sampling scheme: which batch comes next."""

    name: str
    summary: str
    random: bool = True
    field: str = "sgd"  # that the mean endpoint follows to first order


SAMPLINGS = {
    sampling.name: sampling
    for sampling in (
        Sampling("random-order", "fixed batches, each once an epoch, in a fresh random order"),
        Sampling("reshuffle-examples", "new batches every epoch from a random permutation of the examples"),
        Sampling("shuffle-once", "fixed batches in one random order, kept for all epochs"),
        Sampling("with-replacement", "m independent draws from the fixed batches an epoch", field="gd"),
        Sampling("given-order", "fixed batches in the given order, the same in all epochs", random=False),
        Sampling(
            "full-batch", "gradient descent: one step an epoch, on all examples", random=False, field="gd"
        ),
    )
}


@dataclass(frozen=True)
class Design:
    """How the trajectories' orders hang together."""

    name: str
    summary: str
    unit: str  # of trajectories that are independent of all others


DESIGNS = {
    design.name: design
    for design in (
        Design("independent", "every trajectory draws its own orders", "trajectory"),
        Design(
            "reversed-pairs",
            "trajectory 2p + 1 visits the batches of trajectory 2p backwards in every epoch",
            "pair",
        ),
        Design(
            "balanced",
            "sets in which every three batches stand in each of their six relative orders equally often",
            "set",
        ),
        Design(
            "control-variate",
            "independent, and each endpoint less what its order did to it to leading order",
            "trajectory",
        ),
    )
}

ORDERED = ("random-order", "shuffle-once")
"""Samplings of fixed batches, each once, in a random order: those with balanced sets."""

CORRECTED = (*ORDERED, "reshuffle-examples")
"""Samplings with a control variate."""

SECTIONS = {
    "sgd": (
        "step_size",
        "schedule",
        "epochs",
        "sampling",
        "order",
        "substeps",
        "momentum",
        "optimizer",
        "beta1",
        "beta2",
        "epsilon",
    ),
    "ensemble": ("trajectories", "seed", "design", "snapshots", "paths"),
}
"""The sections of an experiment file, and of a run's metadata, that hold the settings."""

OPTIMIZERS = {
    "sgd": "w - eps g; with momentum beta, heavy ball: w + v, v = beta v - eps g",
    "adam": "full-batch Adam (Kingma and Ba 2015), with epsilon inside the root",
}

SCHEDULES = {
    "constant": "the same step size in all epochs",
    "cosine": "step_size (1 + cos(pi e / epochs)) / 2 in epoch e = 0, ..., epochs - 1",
}

STEP_SIZE_LIMIT = 1e6
MOST_SCHEDULED = 10**5
COPIES = 3  # of the cloud, that its statistics make


@dataclass(frozen=True)
class Settings:
    """Settings of an ensemble of SGD trajectories. Immutable.

    Parameters
    ----------
    step_size : float
        eps > 0 (at most 1e6: rescale the loss beyond that).
    schedule : str or sequence of float
        A key of `SCHEDULES`, or a factor > 0 on the step size for each epoch.
    epochs : int
        Passes through the data, each of m steps and flow time m eps (with full-batch: 1 step, eps).
    trajectories : int
        Size of the ensemble.
    seed : int
        0 <= seed < 2^63. Trajectory i is a function of (problem, start, settings, seed, i) alone.
    sampling : str
        A key of `SAMPLINGS`; random-order by default.
    design : str
        A key of `DESIGNS`; reversed-pairs needs an even number of trajectories, balanced a multiple of
        `mcsgd.designs.set_size` of the number of batches. control-variate keeps corrected endpoints
        beside the trajectories' own: see `mcsgd.control_variate`.
    order : sequence of int
        For given-order: every batch index 0..m-1 once.
    substeps : int
        Steps of step_size / substeps on each batch before the next.
    momentum : float
        0 <= beta < 1, of heavy ball: v = beta v - eps g, w = w + v, from v = 0, kept across epochs.
    optimizer : str
        A key of `OPTIMIZERS`; adam needs sampling full-batch.
    beta1, beta2, epsilon : float
        Of Adam: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, and the step
        -eps m' / sqrt(v' + epsilon) with m' = m / (1 - beta1^t), v' = v / (1 - beta2^t).
    snapshots : sequence of int
        Epochs (1..epochs) after which the parameters are kept.
    paths : int
        Of so many of the first trajectories, every step is kept (for pictures).

    Raises
    ------
    InputError
        Naming every argument that is wrong.
    """

    step_size: float
    epochs: int = 1
    trajectories: int = 1000
    seed: int = 0
    sampling: str = "random-order"
    design: str = "independent"
    order: Sequence[int] = ()
    snapshots: Sequence[int] = ()
    paths: int = 0
    schedule: str | Sequence[float] = "constant"
    substeps: int = 1
    momentum: float = 0.0
    optimizer: str = "sgd"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        checks = Checks()
        checked: dict[str, Any] = {
            "step_size": checks.number("step_size", self.step_size, above=0, at_most=STEP_SIZE_LIMIT),
            "epochs": checks.integer("epochs", self.epochs, at_least=1, at_most=2**32 - 1),
            "trajectories": checks.integer("trajectories", self.trajectories, at_least=1),
            "seed": checks.integer("seed", self.seed, at_least=0),
            "sampling": checks.choice("sampling", self.sampling, SAMPLINGS),
            "design": checks.choice("design", self.design, DESIGNS),
            "order": _integers(checks, "order", self.order, at_least=0),
            "snapshots": _integers(checks, "snapshots", self.snapshots, at_least=1),
            "paths": checks.integer("paths", self.paths, at_least=0),
            "schedule": _schedule(checks, self.schedule),
            "substeps": checks.integer("substeps", self.substeps, at_least=1),
            "momentum": checks.number("momentum", self.momentum, at_least=0, below=1),
            "optimizer": checks.choice("optimizer", self.optimizer, OPTIMIZERS),
            "beta1": checks.number("beta1", self.beta1, at_least=0, below=1),
            "beta2": checks.number("beta2", self.beta2, at_least=0, below=1),
            "epsilon": checks.number("epsilon", self.epsilon, above=0),
        }
        if not checks.issues:
            _check_together(checks, **checked)
        checks.done()
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def random(self) -> bool:
        """Whether the sampling draws anything."""
        return SAMPLINGS[self.sampling].random

    def trajectories_per_unit(self, batches: int) -> int:
        """Return the number of trajectories in one independent unit, over which standard errors are taken.

        2 for reversed pairs, the size of the set for balanced sets of orders of so many batches.
        """
        if self.design == "balanced":
            return set_size(batches)
        return 2 if self.design == "reversed-pairs" else 1

    def as_tables(self) -> dict[str, dict[str, Any]]:
        """Return the settings by section of an experiment file, in plain numbers, text and lists."""
        values = asdict(self)
        return {
            section: {n: list(values[n]) if isinstance(values[n], tuple) else values[n] for n in names}
            for section, names in SECTIONS.items()
        }

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any]) -> Settings:
        """Return the settings that `as_tables` gave."""
        given = {name: value for section in SECTIONS for name, value in tables[section].items()}
        return cls(**given)

    def partition(self, problem: Problem) -> Problem:
        """Return the problem in the batches that this sampling steps on: one batch for full-batch."""
        return problem.with_batch_size(problem.examples) if self.sampling == "full-batch" else problem

    def check_with(self, problem: Problem) -> None:
        """Raise InputError if a setting does not fit the problem."""
        checks = Checks()
        batches = problem.batches
        if self.sampling == "reshuffle-examples" and not problem.additive:
            checks.fail(
                "sampling", f"reshuffle-examples needs batch losses that are means over examples: {problem!r}"
            )
        if self.sampling == "given-order" and sorted(self.order) != list(range(batches)):
            checks.fail(
                "order",
                f"must hold each of the {batches} batches 0..{batches - 1} once, got {list(self.order)}",
            )
        if self.design == "balanced":
            _check_sets(checks, self.trajectories, batches)
        checks.done()

    def check_memory(self, problem: Problem) -> None:
        """Raise InputError if the cloud does not fit into the machine's memory."""
        checks = Checks()
        needed, memory = self.cloud_bytes(problem) / 2**30, memory_bytes() / 2**30
        if COPIES * needed > memory:
            checks.fail(
                "trajectories",
                f"give {needed:.0f} GiB of endpoints, snapshots and paths, and statistics take {COPIES} "
                f"times that; the memory is {memory:.0f} GiB. Without the cloud it needs no more for more",
            )
        checks.done()

    def cloud_bytes(self, problem: Problem) -> int:
        """Return the size of endpoints, also corrected ones, snapshots and paths."""
        steps = self.epochs * self.partition(problem).batches
        each = 1 + (self.design == "control-variate") + len(self.snapshots)
        rows = self.trajectories * each + self.paths * (steps + 1)
        return 8 * problem.parameters * rows

    @property
    def step_sizes(self) -> NDArray[np.float64]:
        """The step size in each epoch, (epochs,), or (1,) if it is the same in all."""
        if self.schedule == "constant":
            return np.array([self.step_size])
        if self.schedule == "cosine":
            factors = (1 + np.cos(np.pi * np.arange(self.epochs) / self.epochs)) / 2
        else:
            factors = np.array(self.schedule, float)
        return np.asarray(self.step_size * factors)

    @property
    def rate(self) -> float:
        """The size of a step on one batch, step_size / substeps."""
        return self.step_size / self.substeps

    @property
    def extras(self) -> tuple[str, ...]:
        """The settings by which a step is not w - eps g with one eps, which most of theory is about."""
        plain = {"schedule": "constant", "substeps": 1, "momentum": 0.0, "optimizer": "sgd"}
        return tuple(name for name, value in plain.items() if getattr(self, name) != value)

    @property
    def plain(self) -> bool:
        """Whether there are no `extras`."""
        return not self.extras

    def flow_time(self, problem: Problem) -> float:
        """Return the flow time of the whole run: m times the sum of the step sizes over the epochs."""
        sizes = self.step_sizes
        total = self.epochs * self.step_size if len(sizes) == 1 else float(sizes.sum())
        return self.partition(problem).batches * total


def _integers(checks: Checks, argument: str, values: Any, at_least: int) -> tuple[int, ...]:
    if isinstance(values, str) or not np.iterable(values):
        checks.fail(argument, f"must be a list of integers, got {values!r}")
        return ()
    return tuple(checks.integer(f"{argument}[{i}]", v, at_least) for i, v in enumerate(values))


def _check_sets(checks: Checks, trajectories: int, batches: int) -> None:
    """Check that the trajectories are whole balanced sets of orders."""
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


def _schedule(checks: Checks, value: Any) -> str | tuple[float, ...]:
    if isinstance(value, str) or not np.iterable(value):
        return checks.choice("schedule", value, SCHEDULES)
    return tuple(checks.number(f"schedule[{i}]", v, above=0) for i, v in enumerate(value))


def _check_together(
    checks: Checks,
    *,
    epochs: int,
    trajectories: int,
    sampling: str,
    design: str,
    order: tuple[int, ...],
    snapshots: tuple[int, ...],
    paths: int,
    schedule: str | tuple[float, ...],
    substeps: int,
    momentum: float,
    optimizer: str,
    **_: Any,
) -> None:
    """Checks that concern two settings at once."""
    if isinstance(schedule, tuple) and len(schedule) != epochs:
        checks.fail("schedule", f"must hold a factor for each of the {epochs} epochs, got {len(schedule)}")
    if schedule != "constant" and epochs > MOST_SCHEDULED:
        checks.fail("schedule", f"is for at most {MOST_SCHEDULED} epochs, got {epochs}")
    if substeps > 1 and sampling == "with-replacement":
        checks.fail("substeps", f"are for samplings that visit each batch once, got {substeps}")
    if momentum and substeps > 1:
        checks.fail("substeps", f"do not go with momentum, got {substeps} and momentum {momentum:g}")
    if optimizer == "adam" and sampling != "full-batch":
        checks.fail("optimizer", f"adam is for sampling full-batch, got {sampling}")
    if optimizer == "adam" and (momentum or substeps > 1):
        checks.fail("optimizer", "adam goes without momentum and substeps")
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
        _check_corrected(checks, sampling, schedule, substeps, momentum)
    if order and sampling != "given-order":
        checks.fail("order", f"belongs to sampling given-order, got sampling {sampling}")
    if sampling == "given-order" and not order:
        checks.fail("order", "is needed with sampling given-order")
    if list(snapshots) != sorted(set(snapshots)) or (snapshots and snapshots[-1] > epochs):
        checks.fail("snapshots", f"must be ascending epochs in 1..{epochs}, got {list(snapshots)}")
    if paths > trajectories:
        checks.fail("paths", f"must be <= trajectories, {trajectories}; got {paths}")


def _check_corrected(
    checks: Checks, sampling: str, schedule: str | tuple[float, ...], substeps: int, momentum: float
) -> None:
    """Check that these have a control variate."""
    if sampling not in CORRECTED:
        checks.fail("design", f"control-variate needs sampling {', '.join(CORRECTED)}; got {sampling}")
    elif schedule != "constant" or substeps > 1 or momentum:
        checks.fail("design", "control-variate is for plain SGD: without momentum, substeps, or a schedule")
