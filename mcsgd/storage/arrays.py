"""Arrays of a file: with names of their dimensions, units, meanings and checksums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["Scales", "create_array", "write_array"]

CHUNK_ROWS = 4096

Scales: TypeAlias = Mapping[str, h5py.Dataset]
"""Dimension scales, by name."""


def write_array(
    group: h5py.Group, name: str, values: NDArray[Any], meaning: str, scales: Sequence[h5py.Dataset]
) -> None:
    """Write an array whole; see `create_array`."""
    create_array(group, name, values.shape, values.dtype, meaning, scales)[...] = values


def create_array(
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: Any,
    meaning: str,
    scales: Sequence[h5py.Dataset],
) -> h5py.Dataset:
    """Make room for an array whose dimensions are named by scales; if it is large, HDF5 checks its chunks."""
    storage: dict[str, Any] = {}
    if np.prod(shape) > CHUNK_ROWS:
        rows = max(1, CHUNK_ROWS // max(1, int(np.prod(shape[1:])) // 32))
        storage = {"chunks": (min(rows, shape[0]), *shape[1:]), "fletcher32": True}
    dataset = group.create_dataset(name, shape, dtype, **storage)
    dataset.attrs["units"] = "1"
    dataset.attrs["long_name"] = meaning
    for axis, scale in zip(dataset.dims, scales, strict=False):
        axis.attach_scale(scale)
    return dataset
