"""Studies in files: named arrays for other programs, and all that is kept of each point, to go on from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import FileFormatError
from mcsgd.storage.arrays import write_array
from mcsgd.storage.content import write_head_content, write_moments_content
from mcsgd.storage.nodes import read_nodes
from mcsgd.storage.output import new_file
from mcsgd.storage.read import SOON_READ, head_of, run_of
from mcsgd.storage.schema import MATRIX, POINT, STUDY, open_file, write_versions
from mcsgd.storage.seal import broken_seal, seal
from mcsgd.storage.sink import written
from mcsgd.storage.study_tables import write_tables
from mcsgd.studies.axes import Axis
from mcsgd.studies.found import Exact, Found, PointResult
from mcsgd.studies.study import Study

__all__ = [
    "Stored",
    "load_study",
    "read_found",
    "read_point",
    "stored_points",
    "write_point",
    "write_study",
]

Read = TypeVar("Read")


@dataclass(frozen=True)
class Stored:
    """A point in a study's file: which one it is, and how much there is of it."""

    index: int
    fingerprint: str
    exact: bool
    count: int
    fields: tuple[str, ...]


def load_study(path: str | os.PathLike[str]) -> Study:
    """Read a study's HDF5 file. Needs no numba and compiles nothing.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is not a study of mcsgd, is damaged, or was written by a newer major version.
    """
    target = Path(path).expanduser().absolute()
    with open_file(target, STUDY) as file:
        if target.stat().st_size <= SOON_READ and (reason := broken_seal(target)):
            raise FileFormatError(f"{target} is damaged: {reason}")
        return _checked(target, lambda: _read_study(file, target))


def stored_points(path: Path) -> list[Stored]:
    """Return what points a study's file has; raises as `load_study`, and reads every byte."""
    with open_file(path, STUDY) as file:
        if reason := broken_seal(path):
            raise FileFormatError(f"{path} is damaged: {reason}. It was not touched")
        return _checked(path, lambda: [_stored(file, i) for i in range(len(file["points"]))])


def read_found(path: Path, index: int) -> Found:
    """Return all that is kept of a point of a study's file; raises as `load_study`."""
    with open_file(path, STUDY) as file:
        return _checked(path, lambda: _read_point(file[f"points/{index}"], path))


def read_point(path: Path) -> Found:
    """Return a point that has a file of its own; raises as `load_study`."""
    with open_file(path, POINT) as file:
        return _checked(path, lambda: _read_point(file, path))


def _checked(path: Path, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except (KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise FileFormatError(f"{path} is damaged: {error}") from error


def _stored(file: h5py.File, index: int) -> Stored:
    group = file[f"points/{index}"]
    exact = "exact" in group
    count = 0 if exact else int(group.attrs["trajectories"])
    return Stored(index, str(group.attrs["fingerprint"]), exact, count, tuple(group["flows"]))


def _read_study(file: h5py.File, path: Path) -> Study:
    experiment = json.loads(file.attrs["experiment"])
    table = experiment["study"]
    axes = tuple(Axis(name, tuple(values)) for name, values in table["vary"].items())
    at = [dict(zip(table["vary"], values, strict=True)) for values in _product(axes)]
    points = tuple(_read_point(file[f"points/{i}"], path).result(where) for i, where in enumerate(at))
    return Study(
        axes=axes,
        points=points,
        fields=tuple(name.decode() for name in file["field"][()]),
        fixed_time=table["fixed_time"],
        experiment=experiment,
        provenance=json.loads(file.attrs["provenance"]),
        warnings=tuple(json.loads(file.attrs["warnings"])),
    )


def _product(axes: Sequence[Axis]) -> Iterator[tuple[Any, ...]]:
    for index in np.ndindex(*(len(axis.values) for axis in axes)):
        yield tuple(axis.values[i] for axis, i in zip(axes, index, strict=True))


def _read_point(group: h5py.Group, path: Path) -> Found:
    number = float(group.attrs["range_number"])
    if "exact" not in group:
        return Found(run_of(group, path), tuple(read_nodes(group)), number)
    attributes = group["exact"].attrs
    mean, covariance = (group[f"exact/{name}"][()] for name in ("mean", "covariance"))
    exact = Exact(str(attributes["method"]), mean, covariance, str(attributes["message"]))
    return Found(head_of(group), (), number, exact)


def write_point(path: Path, found: Found) -> None:
    """Write a point to a file of its own, in the place of what was there."""
    with new_file(path, replace=True) as temporary:
        with written(temporary) as (file, _):
            _write_point(file, found)
            write_versions(file, POINT)
        seal(temporary)


def _write_point(group: h5py.Group, found: Found) -> None:
    origin, exact = found.run.cloud.origin, found.exact
    group.attrs["range_number"] = found.range_number
    if exact is None:
        write_moments_content(group, found.run, origin.tree(found.nodes))
        return
    scales = write_head_content(group, found.run)
    own = group.create_group("exact")
    own.attrs["method"], own.attrs["message"] = exact.method, exact.message
    for name, meaning in (("mean", "mean endpoint"), ("covariance", "covariance of endpoints")):
        values: NDArray[Any] = getattr(exact, name)
        write_array(own, name, values, meaning, [scales[d] for d in MATRIX[: values.ndim]])


def write_study(
    path: Path,
    founds: Iterable[Found],
    at: Sequence[Mapping[str, Any]],
    complete: Callable[[tuple[PointResult, ...]], Study],
    replace: bool,
    folder: Path,
) -> Study:
    """Write a study to a new file; it appears under its name when it is complete.

    Parameters
    ----------
    path : Path
    founds : iterable of Found
        Of each point, the last axis varying fastest; one is in memory at a time.
    at : sequence of dict
        Their coordinates.
    complete : callable
        Makes the study of what was measured at its points.
    replace, folder
        As for `new_file`.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    results = []
    with new_file(path, replace, folder) as temporary:
        with written(temporary) as (file, sink):
            for i, (found, where) in enumerate(zip(founds, at, strict=True)):
                _write_point(file.create_group(f"points/{i}"), found)
                sink.check()
                results.append(found.result(where))
            study = complete(tuple(results))
            write_tables(file, study)
        seal(temporary)
    return study
