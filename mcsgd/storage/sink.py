"""HDF5 files written such that a full disk is an error and no more.

HDF5 keeps objects of a file open whose last bytes could not be written, and crashes on them when the process
ends. So it is not told: what cannot be written is dropped from then on, and the failure is raised by us.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

__all__ = ["Sink", "written"]


class Sink(io.FileIO):
    """A new file that takes all that is written to it; `check` raises if it could not be kept."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "x+")
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of some bytes, or note why that failed."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and self.error is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the size, or note why that failed."""
        try:
            if self.error is None:
                return super().truncate(size)
        except OSError as error:
            self.error = error
        return size or 0

    def check(self) -> None:
        """Raise the OSError of the first write that failed."""
        if self.error is not None:
            raise self.error


@contextmanager
def written(path: Path) -> Iterator[tuple[h5py.File, Sink]]:
    """Give a new HDF5 file, and its sink, to be checked where going on would be in vain.

    Raises
    ------
    OSError
        If not all of it could be written.
    """
    with Sink(path) as sink:
        with h5py.File(sink, "w") as file:
            yield file, sink
        sink.check()
