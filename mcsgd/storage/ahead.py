"""The end of a run, had ahead: its file is written while trajectories are still being made."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from mcsgd.errors import McsgdError
from mcsgd.rows import Source
from mcsgd.run import Run
from mcsgd.storage.draft import Draft, drafted, ready
from mcsgd.storage.output import temporary_name

__all__ = ["Ahead"]

SECONDS = 0.5
"""For copying at a time: meanwhile no shard is written, and no signal to end is seen."""
FAILURES = McsgdError, OSError, RuntimeError  # HDF5 raises the latter


class Ahead:
    """A draft of a run's file that is begun when there is something to copy, and may be given up at any time.

    Nothing depends on it: trajectories are in shards as well, and what cannot be written here is no failure:
    the file is then made anew at the end.

    Parameters
    ----------
    folder : Path
        Where it stands meanwhile.
    run : Run
        As for `Draft`.
    size : int
        Bytes of the cloud. So many must be free twice, for shards and file.
    """

    def __init__(self, folder: Path, run: Run, size: int) -> None:
        self._path, self._run, self._size = temporary_name(folder), run, size
        self._open = ExitStack()
        self._draft: Draft | None = None
        self._given_up = False

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def copy(self, sources: Sequence[Source]) -> None:
        """Copy some of what comes next of the trajectories: of a run that goes on, much is there at once."""
        if self._given_up:
            return
        try:
            if self._draft is None:
                self._begin(sources)
            if self._draft is not None:
                self._draft.copy(sources, time.monotonic() + SECONDS)
        except FAILURES:
            self.drop()

    def complete(self, run: Run, sources: Sequence[Source], path: Path) -> bool:
        """Complete the draft and move it to a path; return whether it is there, of so many trajectories."""
        draft = self._draft
        if draft is not None and draft.count == run.cloud.origin.settings.trajectories:
            with suppress(*FAILURES):
                draft.complete(run, sources)
                self._open.close()
                os.replace(self._path, path)
                return True
        self.drop()
        return False

    def drop(self) -> None:
        """Give it up."""
        self._given_up, self._draft = True, None
        with suppress(OSError, RuntimeError):
            self._open.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _begin(self, sources: Sequence[Source]) -> None:
        if ready(self._run.cloud.origin, sources, 0) == 0:
            return
        if shutil.disk_usage(self._path.parent).free < 2 * self._size:
            self._given_up = True
            return
        self._draft = self._open.enter_context(drafted(self._path, self._run))
