"""Progress of long work: a callable, a bar on a terminal, or lines in a log."""

from __future__ import annotations

import importlib.util
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["LOGGER", "LogLines", "Progress", "Together", "shown"]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (trajectories done, trajectories in all); for a study, with the same of its work."""

LOGGER = "mcsgd"
"""The name of the library's logger. It has no handler: who wants the lines says where they go."""

EVERY = 30.0
"""Seconds from one line to the next."""


@contextmanager
def shown(progress: bool | Progress, counted: bool = True) -> Iterator[Progress]:
    """Give what to call: the callable itself; for False, nothing's; for True, what shows progress.

    That is a bar where standard error is a terminal, or in a notebook with ipywidgets, and `LogLines`
    elsewhere. Nothing is shown before the first call: work that is refused shows nothing. Both count
    trajectories, or show the share of all work that is done.
    """
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total: None
    elif console := _terminal():
        with _bar(console, counted) as report:
            yield report
    else:
        yield LogLines(counted)


class LogLines:
    """Progress as lines of the logger "mcsgd", at level INFO: one every 30 s from the first call on.

    The rate is that since the first call: what an earlier process has done does not count.

    Parameters
    ----------
    counted : bool
        Whether it is trajectories that are done; else a line has the share of all work.
    clock : callable
        Gives the time in seconds.
    """

    def __init__(self, counted: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._counted, self._clock = counted, clock
        self._first: tuple[float, int] | None = None
        self._written = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Take notice of how much is done, and write a line if it is time."""
        now = self._clock()
        if self._first is None:
            self._first, self._written = (now, done), now
        began, before = self._first
        if now - self._written < EVERY or done == before:
            return
        self._written, rate = now, (done - before) / (now - began)
        share, left = f"{100 * done // total} %", _duration((total - done) / rate)
        if self._counted:
            share = f"{done} of {total} trajectories ({share}), {_two_digits(rate)}/s"
        logging.getLogger(LOGGER).info("%s, %s left", share, left)


class Together:
    """The progress of several works, told as that of one: how much of all the work is done.

    Parameters
    ----------
    weights : sequence of float
        How much work each of them is.
    report : callable
    """

    def __init__(self, weights: Sequence[float], report: Progress) -> None:
        self._weights, self._report = weights, report
        self._done, self._total = [0.0] * len(weights), sum(weights)

    def of(self, i: int) -> Progress:
        """Return what to call with the progress of work i."""

        def tell(done: int, wanted: int) -> None:
            self._done[i] = self._weights[i] * done / wanted
            self._report(int(sum(self._done)), int(self._total))

        return tell


def _terminal() -> Console | None:
    """Return the console to draw a bar on, where that can be done."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter:  # where rich draws by widgets
        return console if importlib.util.find_spec("ipywidgets") else None
    return console if sys.stderr.isatty() and not console.is_dumb_terminal else None


@contextmanager
def _bar(console: Console, counted: bool) -> Iterator[Progress]:
    """Give the update of a bar, which appears with the first call."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    text = TextColumn("trajectories" if counted else "work")
    number = MofNCompleteColumn() if counted else TaskProgressColumn()
    bar = Bar(text, BarColumn(), number, TimeRemainingColumn(), console=console)

    def report(done: int, total: int) -> None:
        if bar.tasks:
            bar.update(bar.tasks[0].id, completed=done, total=total)
        else:
            bar.add_task("trajectories", completed=done, total=total)
            bar.start()

    try:
        yield report
    finally:
        if bar.tasks:
            bar.stop()


def _two_digits(number: float) -> str:
    """Return a number in two significant digits, without an exponent."""
    return f"{float(f'{number:.2g}'):.0f}" if number >= 10 else f"{number:.2g}"


def _duration(seconds: float) -> str:
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
