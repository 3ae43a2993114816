"""Shards: the trajectories of a run that are done, in files of their own that never change."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import FileFormatError
from mcsgd.moments import Node
from mcsgd.origin import Content, Origin
from mcsgd.rows import Rows, Source, Span
from mcsgd.run import Run
from mcsgd.storage.content import ROWS
from mcsgd.storage.nodes import nodes_of, write_nodes
from mcsgd.storage.output import new_file
from mcsgd.storage.read import row_shapes
from mcsgd.storage.schema import FORMAT, SHARD, open_file, write_versions
from mcsgd.storage.seal import broken_seal, seal_of
from mcsgd.storage.stored import stored_rows

__all__ = ["Shard", "as_shard", "open_shard", "range_of", "write_shard"]

NAME = re.compile(r"(\d{12,})-(\d{12,})\.h5")


@dataclass(frozen=True, eq=False)
class Shard:
    """A shard, or a run's file, that was found whole.

    Attributes
    ----------
    path : Path
    first, stop : int
        It holds trajectories first..stop - 1.
    rows : Source or None
        None where moments alone are kept.
    made : dict
        Host, process, job and seconds of its making.
    kind : str
        FORMAT or SHARD.
    """

    path: Path
    first: int
    stop: int
    rows: Source | None
    made: Mapping[str, Any]
    kind: str = SHARD

    def nodes(self) -> list[Node]:
        """Read the moments, where they alone are kept; those of many shards may not fit into memory."""
        return [] if self.rows is not None else nodes_of(self.path, self.kind)


def range_of(path: Path) -> Span | None:
    """Return (first, stop) of a shard by its name, or None if it is not the name of one."""
    match = NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else None


def write_shard(folder: Path, origin: Origin, content: Content, made: Mapping[str, Any]) -> Path:
    """Write a shard; it appears under its name when it is complete and on the disk.

    The HDF5 file is made in memory, so that its checksum is of what was meant to be written.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    if isinstance(content, Rows):
        first, stop = content.first, content.stop
    else:
        first, stop = content[0].first, content[-1].stop
    path = folder / f"{first:012d}-{stop:012d}.h5"
    with new_file(path, replace=True) as temporary:
        image = _image(origin, content, (first, stop), made)
        with temporary.open("xb") as file:
            file.write(image)
            file.write(seal_of(image))
    return path


def _image(origin: Origin, content: Content, span: Span, made: Mapping[str, Any]) -> bytes:
    arrays = _arrays(content) if isinstance(content, Rows) else {}
    # Of this size HDF5 takes its memory: if it were small, what is there would be copied again and again.
    block = 2**16 + sum(values.nbytes for values in arrays.values())
    with h5py.File(uuid.uuid4().hex, "x", driver="core", backing_store=False, block_size=block) as file:
        write_versions(file, SHARD)
        file.attrs["fingerprint"] = origin.fingerprint
        file.attrs["first"], file.attrs["stop"] = (np.int64(i) for i in span)
        file.attrs["made"] = json.dumps(made)
        if isinstance(content, Rows):
            for name, values in arrays.items():
                file[name] = values
        else:
            write_nodes(file, content)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _arrays(rows: Rows) -> dict[str, NDArray[Any]]:
    """Return what there is of the trajectories, by name."""
    found = {name: getattr(rows, name) for name in ROWS}
    return {name: values for name, values in found.items() if values is not None and values.size}


def open_shard(path: Path, origin: Origin, just_written: bool = False) -> Shard:
    """Return a shard whose every byte is as it was written, and that is of this run.

    The bytes are not read again of one that this process has `just_written`.

    Raises
    ------
    FileFormatError
        If it is not.
    """
    try:
        reason = "" if just_written else broken_seal(path)
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}") from None
    if reason:
        raise FileFormatError(f"{path} is damaged: {reason}")
    with open_file(path, SHARD) as file:
        try:
            first, stop = int(file.attrs["first"]), int(file.attrs["stop"])
            if file.attrs["fingerprint"] != origin.fingerprint or (first, stop) != range_of(path):
                raise FileFormatError(f"{path} is a part of another run, or was renamed")
            shapes = row_shapes(origin, first, stop)
            rows = None if "moments" in file else stored_rows(file, path, first, shapes)
            return Shard(path, first, stop, rows, json.loads(file.attrs["made"]))
        except (KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
            raise FileFormatError(f"{path} is damaged: {error}") from error


def as_shard(path: Path, run: Run) -> Shard:
    """Return what a run's file holds as a shard, of its trajectories from the first to the last."""
    return Shard(path, 0, run.cloud.count, run.cloud.rows, {}, FORMAT)
