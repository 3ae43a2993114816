"""The directory OUT.h5.parts: all of a run that is not yet in OUT.h5, so that nothing done is lost.

It holds head.h5 (what there is of a run before its trajectories), the shards, and locks. Trajectories are
functions of their index, so starting, resuming, adding trajectories, the tasks of a job array and merging are
all the same: see what is there, and fill in what is missing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcsgd.errors import FileFormatError, McsgdWarning
from mcsgd.origin import Content, Origin
from mcsgd.run import Run
from mcsgd.storage.lock import locked
from mcsgd.storage.output import PARTS, sync
from mcsgd.storage.read import read_head
from mcsgd.storage.shards import Shard, open_shard, range_of, write_shard
from mcsgd.storage.write import write_head

__all__ = ["HEAD", "Parts"]

HEAD = "head.h5"


@dataclass(frozen=True)
class Parts:
    """The parts of the run that is to be written to `target`."""

    target: Path

    @property
    def folder(self) -> Path:
        """The directory; there need not be one."""
        return self.target.with_name(self.target.name + PARTS)

    @contextmanager
    def locked(self, task: str = "") -> Iterator[None]:
        """Hold the directory: as the only one, or as the only one with this task.

        Raises
        ------
        BusyError
            If another process holds it.
        """
        with locked(self.folder, task):
            if not task:
                for pattern in (".*.tmp", "job-*.pickle"):  # of processes that were killed
                    for path in self.folder.glob(pattern):
                        path.unlink(missing_ok=True)
            try:
                yield
            finally:
                if not task:
                    self._remove_if_empty()

    def head(self) -> Run | None:
        """Return what there is of the run before its trajectories.

        Raises
        ------
        FileFormatError
            If it is damaged.
        """
        path = self.folder / HEAD
        return read_head(path) if path.exists() else None

    def write_head(self, run: Run) -> None:
        """Write what `head` returns."""
        write_head(self.folder / HEAD, run)

    def add(self, origin: Origin, content: Content, made: Mapping[str, Any]) -> Path:
        """Keep trajectories that are done; see `write_shard`."""
        return write_shard(self.folder, origin, content, made)

    def shards(self, origin: Origin) -> list[Shard]:
        """Return all shards, in order, having read every byte of them.

        A damaged one is set aside under another name, with a warning that names it: its trajectories are
        then missing, and computed again.
        """
        found = []
        for path in sorted(self.folder.glob("*.h5")):
            if range_of(path) is None:
                continue
            try:
                found.append(open_shard(path, origin))
            except FileFormatError as error:
                aside = path.with_name(f"bad-{path.name}")
                with suppress(FileNotFoundError):  # another task was faster
                    os.replace(path, aside)
                warnings.warn(
                    f"{error}. It was set aside as {aside.name}; its trajectories are computed again",
                    McsgdWarning,
                    stacklevel=2,
                )
        return found

    def remove(self, shards: Iterable[Shard]) -> None:
        """Remove shards that are in the target now, and the head with the last of them."""
        for shard in shards:
            shard.path.unlink(missing_ok=True)
        if not any(range_of(path) for path in self.folder.glob("*.h5")):
            (self.folder / HEAD).unlink(missing_ok=True)

    def _remove_if_empty(self) -> None:
        """Remove the directory if there is nothing but locks in it."""
        if {path.suffix for path in self.folder.iterdir()} <= {".lock"}:
            for path in self.folder.glob("*.lock"):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # another process has come
                self.folder.rmdir()
                sync(self.folder.parent)
