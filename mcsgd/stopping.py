"""When a run ends: by the number of trajectories, a standard error, a time, or an interruption."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.moments import EnsembleMoments

__all__ = ["Interruption", "StopRules", "enough", "interruptible"]

LEAST_UNITS = 100
"""A standard error of fewer is itself too uncertain to stop by."""
GROWTH = 1.1
"""Between one look at the standard error and the next, so much more is done: looking often at an error that
varies by chance would make it end too soon."""


@dataclass(frozen=True)
class StopRules:
    """When a run ends before all its trajectories are done. Whichever comes first counts.

    Parameters
    ----------
    standard_error : float, optional
        End when no parameter's mean has a larger standard error.
    seconds : float, optional
        End after so long, with the blocks that then run. The same command goes on from there.

    Raises
    ------
    InputError
        If an argument is not a number > 0.
    """

    standard_error: float | None = None
    seconds: float | None = None
    began: float = field(default_factory=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        checks = Checks()
        for name in ("standard_error", "seconds"):
            if getattr(self, name) is not None:
                checks.number(name, getattr(self, name), above=0)
        checks.done()

    @property
    def out_of_time(self) -> bool:
        """Whether the time is over."""
        return self.seconds is not None and time.monotonic() - self.began >= self.seconds


def enough(moments: EnsembleMoments, standard_error: float) -> bool:
    """Whether the mean of these trajectories has no larger standard error in any parameter."""
    units = moments.units
    if moments.diverged or units.count < LEAST_UNITS:
        return False
    variance = np.diag(units.scatter) / (units.count - 1) / units.count
    return bool(np.sqrt(variance.max()) <= standard_error)


class Interruption:
    """Whether someone asked the process to end."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: Any) -> None:
        """Take a signal: the first is noted, the next ends all at once."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let SIGINT and SIGTERM be noted, so that work ends where nothing is lost.

    Only the main thread receives signals; in another one, nothing is changed.
    """
    interruption, before = Interruption(), {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, interruption)
    except ValueError:
        pass
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
