"""Progress of long work: a callable, or a bar on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

__all__ = ["Progress", "shown"]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (trajectories done, trajectories in all); for a study, with the same of its work."""


@contextmanager
def shown(progress: bool | Progress, counted: bool = True) -> Iterator[Progress]:
    """Give what to call: the callable itself, a bar's update for True, nothing's for False.

    The bar counts trajectories, or shows the share of all work.
    """
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total: None
    else:
        from rich.console import Console
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
        columns = (text, BarColumn(), number, TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("trajectories", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
