"""The directory OUT.h5.parts: all of a run that is not yet in OUT.h5, so that nothing done is lost.

It holds head.h5 (what there is of a run before its trajectories), the shards, and locks. Trajectories are
functions of their index, so starting, resuming, adding trajectories, the tasks of a job array and merging are
all the same: see what is there, and fill in what is missing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcsgd.errors import FileFormatError, McsgdWarning, NewerFormatError, OutputExistsError
from mcsgd.origin import Content, Origin
from mcsgd.rows import Span
from mcsgd.run import Run
from mcsgd.storage.lock import alone, locked
from mcsgd.storage.output import PARTS, sync
from mcsgd.storage.read import read_head
from mcsgd.storage.shards import Shard, open_shard, range_of, write_shard
from mcsgd.storage.write import write_head

__all__ = ["HEAD", "POINTS", "Parts"]

HEAD, POINTS = "head.h5", "study.json"
"""What a run is, and what points a study has."""
NAMES = {HEAD: "a run", POINTS: "a study"}


@dataclass(frozen=True)
class Parts:
    """The parts of the run that is to be written to `target`."""

    target: Path

    @property
    def folder(self) -> Path:
        """The directory; there need not be one."""
        return self.target.with_name(self.target.name + PARTS)

    def has(self, path: Path) -> bool:
        """Whether a path is the target, the directory, or in it."""
        real = path.resolve()
        return real == self.target or self.folder in (real, real.parent)

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
                self._sweep()
            try:
                yield
            finally:
                if not task:
                    self._remove_if_empty()

    def beginning(self) -> AbstractContextManager[None]:
        """Return what holds the right to look at what was begun here and to note what is: others wait.

        Two that begin at once would else both find nothing, and one write over what the other notes. Raises
        BusyError if it takes others too long.
        """
        return alone(self.folder)

    def check_kind(self, mark: str) -> None:
        """Raise OutputExistsError if a study was begun where a run is to be, or the other way round."""
        for other, name in NAMES.items():
            if other != mark and (self.folder / other).exists():
                text = f"{self.folder} is of {name}; it was not touched. Choose another name for the output"
                raise OutputExistsError(text)

    def head(self) -> Run | None:
        """Return what there is of the run before its trajectories; if it is damaged, as for `shards`.

        Raises
        ------
        NewerFormatError
            If a newer version wrote it.
        """
        path = self.folder / HEAD
        try:
            return read_head(path) if path.exists() else None
        except NewerFormatError:
            raise
        except FileFormatError as error:
            _set_aside(path, error, "it is made again")
            return None

    def write_head(self, run: Run) -> None:
        """Write what `head` returns."""
        write_head(self.folder / HEAD, run)

    def add(self, origin: Origin, content: Content, made: Mapping[str, Any]) -> Path:
        """Keep trajectories that are done; see `write_shard`."""
        return write_shard(self.folder, origin, content, made)

    @property
    def spans(self) -> dict[Path, Span]:
        """The files of all shards, in order, and the trajectories that their names say."""
        files = sorted(self.folder.glob("*.h5"))
        return {path: span for path in files if (span := range_of(path)) is not None}

    def shards(self, origin: Origin, first: int, stop: int) -> list[Shard]:
        """Return the shards with any of trajectories first..stop - 1, having read every byte of them.

        A damaged one is set aside under another name, with a warning that names it: its trajectories are
        then missing, and to be computed again.

        Raises
        ------
        NewerFormatError
            If a newer version wrote one.
        """
        found = []
        for path, (begin, end) in self.spans.items():
            if begin >= stop or end <= first:
                continue
            try:
                found.append(open_shard(path, origin))
            except NewerFormatError:
                raise
            except FileFormatError as error:
                _set_aside(path, error, "its trajectories are to be computed again")
        return found

    def remove(self, n: int) -> None:
        """Remove all shards of trajectories before n, which are in the target, and the head with the last.

        There may be some that we were not told of: of a worker that was killed when it had written them.
        """
        for path, (_, stop) in self.spans.items():
            if stop <= n:
                path.unlink(missing_ok=True)
        if not self.spans:
            (self.folder / HEAD).unlink(missing_ok=True)
            self._sweep()

    def _sweep(self) -> None:
        """Remove what processes that were killed did not finish."""
        for pattern in (".*.tmp", "job-*.pickle"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _remove_if_empty(self) -> None:
        """Remove the directory if there is nothing but locks in it."""
        with suppress(OSError):  # another process has come, or someone has removed it
            if {path.suffix for path in self.folder.iterdir()} <= {".lock"}:
                for path in self.folder.glob("*.lock"):
                    path.unlink(missing_ok=True)
                self.folder.rmdir()
                sync(self.folder.parent)


def _set_aside(path: Path, error: FileFormatError, then: str) -> None:
    """Give a damaged file another name, and warn."""
    aside = path.with_name(f"bad-{path.name}")
    with suppress(FileNotFoundError):  # another task was faster
        os.replace(path, aside)
    warnings.warn(f"{error}. It was set aside as {aside.name}; {then}", McsgdWarning, stacklevel=3)
