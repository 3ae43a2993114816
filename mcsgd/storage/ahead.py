"""The end of a run, had ahead: its file is written while trajectories are still being made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from mcsgd.errors import McsgdError
from mcsgd.rows import Source
from mcsgd.run import Run
from mcsgd.storage.draft import Draft, drafted, ready
from mcsgd.storage.output import temporary_name

__all__ = ["Ahead"]


class Ahead:
    """A draft of a run's file that is begun when there is something to copy, and may be given up at any time.

    Nothing depends on it: trajectories are in shards as well, and what cannot be written here is no failure;
    if it cannot be written at the end either, that is one.

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
        """Copy what comes next of the trajectories, if that is worth it."""
        try:
            if self._draft is None and not self._given_up:
                self._begin(sources)
            if self._draft is not None:
                self._draft.copy(sources)
        except (McsgdError, OSError, RuntimeError):  # HDF5 raises the latter
            self.drop()

    def complete(self, run: Run, sources: Sequence[Source], path: Path) -> bool:
        """Complete the draft and move it to a path; return whether there was one, of so many trajectories."""
        draft = self._draft
        if draft is None or draft.count != run.cloud.origin.settings.trajectories:
            self.drop()
            return False
        draft.complete(run, sources)
        self._open.close()
        os.replace(self._path, path)
        return True

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
