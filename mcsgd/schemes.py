"""The schemes that settings name: samplings, designs, optimisers, and schedules of the step size."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CORRECTED",
    "DESIGNS",
    "OPTIMIZERS",
    "ORDERED",
    "RESHUFFLED",
    "SAMPLINGS",
    "SCHEDULES",
    "STREAM_VERSION",
    "Design",
    "Sampling",
]

STREAM_VERSION = 3
"""Of the random stream that orders are drawn from (`mcsgd.kernels.draws`); a change of any order changes
it."""

RESHUFFLED = "reshuffle-examples"
"""The sampling whose batches are new in each epoch."""


@dataclass(frozen=True)
class Sampling:
    """A sampling scheme: which batch comes next.

    Attributes
    ----------
    name, summary : str
    random : bool
        Whether it draws anything.
    field : str
        That the mean endpoint follows to first order.
    """

    name: str
    summary: str
    random: bool = True
    field: str = "sgd"


SAMPLINGS = {
    sampling.name: sampling
    for sampling in (
        Sampling("random-order", "fixed batches, each once an epoch, in a fresh random order"),
        Sampling(RESHUFFLED, "new batches every epoch from a random permutation of the examples"),
        Sampling("shuffle-once", "fixed batches in one random order, kept for all epochs"),
        Sampling("with-replacement", "m independent draws from the fixed batches an epoch", field="gd"),
        Sampling("given-order", "fixed batches in the given order, the same in all epochs", random=False),
        Sampling(
            "full-batch", "gradient descent: one step an epoch, on all examples", random=False, field="gd"
        ),
    )
}
"""The sampling schemes by name: which batch comes next."""


@dataclass(frozen=True)
class Design:
    """How the trajectories' orders hang together.

    Attributes
    ----------
    name, summary : str
    unit : str
        Name of the trajectories that are independent of all others.
    """

    name: str
    summary: str
    unit: str


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
"""The designs of an ensemble by name: how the trajectories' orders hang together."""

ORDERED = ("random-order", "shuffle-once")
"""Samplings of fixed batches, each once, in a random order: those with balanced sets."""

CORRECTED = (*ORDERED, RESHUFFLED)
"""Samplings with a control variate."""

OPTIMIZERS = {
    "sgd": "w - eps g; with momentum beta, heavy ball: w + v, v = beta v - eps g",
    "adam": "full-batch Adam (Kingma and Ba 2015), with epsilon inside the root",
}
"""The ways to step, by name."""

SCHEDULES = {
    "constant": "the same step size in all epochs",
    "cosine": "step_size (1 + cos(pi e / epochs)) / 2 in epoch e = 0, ..., epochs - 1",
}
"""The named schedules of the step size."""
