"""Trajectories in a file, read when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import FileFormatError, InputError
from mcsgd.rows import Array, Rows
from mcsgd.storage.schema import open_file

__all__ = ["StoredRows", "stored_rows"]


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Trajectories first..stop - 1 of a run's file, or of a shard; the arrays are as in `mcsgd.rows.Rows`.

    Attributes
    ----------
    path : Path
    kind : str
        FORMAT or SHARD.
    fingerprint : str
    first, stop : int
    shapes : dict
        Of each dataset there is, or would be if it were not empty.
    """

    path: Path
    kind: str
    fingerprint: str
    first: int
    stop: int
    shapes: Mapping[str, tuple[int, ...]]

    @cached_property
    def endpoints(self) -> Array:
        """Read whole."""
        return self._whole("endpoints")

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """Read whole."""
        return self._whole("status")

    @cached_property
    def snapshots(self) -> Array:
        """Read whole."""
        return self._whole("snapshots")

    @cached_property
    def paths(self) -> Array:
        """Read whole."""
        return self._whole("paths")

    @property
    def is_corrected(self) -> bool:
        """Whether there are corrected endpoints."""
        return "corrected" in self.shapes

    @cached_property
    def corrected(self) -> Array | None:
        """Read whole."""
        return self._whole("corrected") if self.is_corrected else None

    def part(self, first: int, stop: int) -> Rows:
        """Read some of the trajectories."""
        with self._open() as file:
            endpoints, status, snapshots, paths = (
                self._read(file, name, first, stop) for name in ("endpoints", "status", "snapshots", "paths")
            )
            corrected = self._read(file, "corrected", first, stop) if self.is_corrected else None
        return Rows(first, endpoints, status, snapshots, paths, corrected)

    def _whole(self, name: str) -> NDArray[Any]:
        with self._open() as file:
            return self._read(file, name, self.first, self.stop)

    def _read(self, file: h5py.File, name: str, first: int, stop: int) -> NDArray[Any]:
        shape = self.shapes[name]
        some = slice(min(first - self.first, shape[0]), min(stop - self.first, shape[0]))
        if 0 in shape:
            return np.empty((some.stop - some.start, *shape[1:]))
        try:
            values: NDArray[Any] = file[name][some]
        except (KeyError, OSError, ValueError, RuntimeError) as error:
            raise FileFormatError(f"{self.path} is damaged: {name}: {error}") from error
        return values

    def _open(self) -> h5py.File:
        try:
            file = open_file(self.path, self.kind)
        except InputError:
            raise FileFormatError(f"{self.path} was removed since it was opened") from None
        same = file.attrs.get("fingerprint") == self.fingerprint
        if not (same and all(0 in s or _shape(file, n) == s for n, s in self.shapes.items())):
            file.close()
            raise FileFormatError(
                f"{self.path} was replaced by another file since it was opened: load it again"
            )
        return file


def _shape(file: h5py.File, name: str) -> tuple[int, ...] | None:
    """Return the shape of a dataset, or None if there is none."""
    shape: tuple[int, ...] | None = file[name].shape if name in file else None
    return shape


def stored_rows(
    file: h5py.File, path: Path, first: int, expected: Mapping[str, tuple[int, ...]]
) -> StoredRows:
    """Return the trajectories of a file, whose datasets must have the expected shapes.

    `corrected` may be there or not; all others must be, unless they are empty.

    Raises
    ------
    ValueError
        If the shapes are others.
    """
    shapes = {name: shape for name, shape in expected.items() if name != "corrected" or name in file}
    for name, shape in shapes.items():
        if 0 not in shape and file[name].shape != shape:
            raise ValueError(f"{name} has shape {file[name].shape} in the place of {shape}")
    n, kind = expected["endpoints"][0], str(file.attrs["format"])
    return StoredRows(path, kind, str(file.attrs["fingerprint"]), first, first + n, shapes)
