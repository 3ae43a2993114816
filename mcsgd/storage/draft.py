"""The file of a run that keeps its cloud, on the way to its name: trajectories are copied as they come."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.moments import Node
from mcsgd.origin import Origin
from mcsgd.rows import Rows, Source, missing, pieces
from mcsgd.run import Run
from mcsgd.storage.arrays import create_array
from mcsgd.storage.content import ROWS, write_attributes, write_head_content, write_statistics
from mcsgd.storage.nodes import write_nodes
from mcsgd.storage.sink import Sink, written

__all__ = ["Draft", "drafted", "ready"]

AT_ONCE = 2**20
"""Numbers of a cloud that are in memory at once."""


class Draft:
    """A run's file, open; its trajectories are copied in their order.

    Parameters
    ----------
    file : h5py.File
        New.
    sink : Sink
        What it is written to.
    run : Run
        With all that is known before its trajectories, of which it has as many as there will be.
    """

    def __init__(self, file: h5py.File, sink: Sink, run: Run) -> None:
        self._file, self._sink, self._origin = file, sink, run.cloud.origin
        self.count = self._origin.settings.trajectories
        scales = write_head_content(file, run)
        self._index = _trajectory_scale(file, self.count)
        self._scales = {**scales, "trajectory": self._index}
        self._tree, self._done = self._origin.tree(), 0

    def copy(self, sources: Sequence[Source], until: float = math.inf) -> None:
        """Copy what comes next of the trajectories, as far as the sources have it, in whole pieces.

        Once it is later than `until`, by the monotonic clock, no other piece is begun.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        origin = self._origin
        stop = ready(origin, sources, self._done)
        for piece in pieces(sources, self._done, stop, _piece_size(origin)):
            self._write(piece)
            self._sink.check()
            for rows in pieces([piece], piece.first, piece.stop, origin.leaf):
                self._tree.add(origin.node(rows))
            self._done = piece.stop
            if time.monotonic() > until:
                return

    def complete(self, run: Run, sources: Sequence[Source]) -> None:
        """Copy the rest, which the sources have, and write all that the run is beside."""
        self.copy(sources)
        write_attributes(self._file, run)
        if run.cloud.start.size <= self.count:  # else larger than what it is computed from
            write_nodes(self._file, [Node(0, self.count, self._tree.total)], self._scales)
        write_statistics(self._file, self._origin, self._tree, self._scales)

    def _write(self, piece: Rows) -> None:
        file, scales = self._file, self._scales
        self._index[piece.first : piece.stop] = np.arange(piece.first, piece.stop)
        for name, (meaning, dimensions) in ROWS.items():
            values: NDArray[Any] | None = getattr(piece, name)
            if values is None or any(d not in scales for d in dimensions) or not values.size:
                continue
            if name not in file:
                shape = len(scales[dimensions[0]]), *values.shape[1:]
                create_array(file, name, shape, values.dtype, meaning, [scales[d] for d in dimensions])
            file[name][piece.first : piece.first + len(values)] = values


@contextmanager
def drafted(path: Path, run: Run) -> Iterator[Draft]:
    """Give a draft in a new file; raises as `written`."""
    with written(path) as (file, sink):
        yield Draft(file, sink, run)


def ready(origin: Origin, sources: Sequence[Source], first: int) -> int:
    """Return up to where the sources have all trajectories from `first` on: to a piece's end, or the last."""
    n, size = origin.settings.trajectories, _piece_size(origin)
    gaps = missing([(source.first, source.stop) for source in sources], first, n)
    return gaps[0][0] // size * size if gaps else n


def _piece_size(origin: Origin) -> int:
    """Return how many trajectories are copied at once: whole leaves."""
    each = (2 + len(origin.settings.snapshots)) * origin.start.size
    return max(AT_ONCE // each // origin.leaf, 1) * origin.leaf


def _trajectory_scale(file: h5py.File, n: int) -> h5py.Dataset:
    """Return the scale of the trajectories, without its values; compressed, as it is 8 bytes for each."""
    filters = {"chunks": (2**13,), "compression": "gzip", "compression_opts": 1, "shuffle": True}
    scale = file.create_dataset("trajectory", (n,), np.int64, **(filters if n > 2**13 else {}))
    scale.attrs["long_name"] = "index of the trajectory"
    scale.make_scale("trajectory")
    return scale
