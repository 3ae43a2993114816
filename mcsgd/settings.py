"""How SGD is run and how often: step size, epochs, sampling, and the ensemble's design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcsgd.checks import Checks
from mcsgd.compatibility import check_sets, check_together
from mcsgd.designs import set_size
from mcsgd.machine import memory_bytes
from mcsgd.schemes import DESIGNS, OPTIMIZERS, RESHUFFLED, SAMPLINGS, SCHEDULES

if TYPE_CHECKING:
    from mcsgd.problems import Problem

__all__ = ["SECTIONS", "Settings"]

ALWAYS = ("step_size", "epochs", "sampling", "trajectories", "seed", "design")
"""Settings that are named even where they have their default."""

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

STEP_SIZE_LIMIT = 1e6
COPIES = 3  # of the cloud, that its statistics make


@dataclass(frozen=True)
class Settings:
    """Settings of an ensemble of SGD trajectories. Immutable.

    Parameters
    ----------
    step_size : float
        eps > 0 (at most 1e6: rescale the loss beyond that).
    schedule : str or sequence of float
        A key of `mcsgd.schemes.SCHEDULES`, or a factor > 0 on the step size for each epoch.
    epochs : int
        Passes through the data, each of m steps and flow time m eps (with full-batch: 1 step, eps).
    trajectories : int
        Size of the ensemble.
    seed : int
        0 <= seed < 2^63. Trajectory i is a function of (problem, start, settings, seed, i) alone.
    sampling : str
        A key of `mcsgd.schemes.SAMPLINGS`; random-order by default.
    design : str
        A key of `mcsgd.schemes.DESIGNS`; reversed-pairs needs an even number of trajectories, balanced a
        multiple of `mcsgd.designs.set_size` of the number of batches. control-variate keeps corrected
        endpoints beside the trajectories' own: see `mcsgd.control_variate`.
    order : sequence of int
        For given-order: every batch index 0..m-1 once.
    substeps : int
        Steps of step_size / substeps on each batch before the next.
    momentum : float
        0 <= beta < 1, of heavy ball: v = beta v - eps g, w = w + v, from v = 0, kept across epochs.
    optimizer : str
        A key of `mcsgd.schemes.OPTIMIZERS`; adam needs sampling full-batch.
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
        checks.done()
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        check_together(checks, self)
        checks.done()

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

    def as_tables(self, defaults: bool = True) -> dict[str, dict[str, Any]]:
        """Return the settings by section of an experiment file, in plain numbers, text and lists.

        Without `defaults`, those that have their default are left out, but for step size, epochs, sampling,
        trajectories, seed and design, which are always named.
        """
        usual = {} if defaults else {f.name: f.default for f in fields(self) if f.name not in ALWAYS}
        values = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if usual.get(name, MISSING) != value
        }
        return {
            section: {name: values[name] for name in names if name in values}
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
        if self.sampling == RESHUFFLED and not problem.additive:
            checks.fail(
                "sampling", f"reshuffle-examples needs batch losses that are means over examples: {problem!r}"
            )
        if self.sampling == "given-order" and sorted(self.order) != list(range(batches)):
            checks.fail(
                "order",
                f"must hold each of the {batches} batches 0..{batches - 1} once, got {list(self.order)}",
            )
        if self.design == "balanced":
            check_sets(checks, self.trajectories, batches)
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


def _schedule(checks: Checks, value: Any) -> str | tuple[float, ...]:
    if isinstance(value, str) or not np.iterable(value):
        return checks.choice("schedule", value, SCHEDULES)
    return tuple(checks.number(f"schedule[{i}]", v, above=0) for i, v in enumerate(value))
