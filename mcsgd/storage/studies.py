"""Studies in files: named arrays for other programs, and all that is kept of each point, to go on from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.errors import FileFormatError
from mcsgd.storage.arrays import Scales, write_array
from mcsgd.storage.nodes import read_nodes
from mcsgd.storage.output import new_file
from mcsgd.storage.read import SOON_READ, head_of, run_of
from mcsgd.storage.schema import MATRIX, POINT, STUDY, open_file, write_versions
from mcsgd.storage.seal import broken_seal, seal
from mcsgd.storage.write import write_head_content, write_moments_content
from mcsgd.studies.axes import Axis
from mcsgd.studies.found import Exact, Found, PointResult
from mcsgd.studies.study import Study

__all__ = [
    "Stored",
    "load_study",
    "read_found",
    "read_point",
    "stored_points",
    "study_arrays",
    "write_point",
    "write_study",
]

Read = TypeVar("Read")
CONFIDENCE = 0.95
"""Of the intervals in the file."""

Arrays = dict[str, tuple[tuple[str, ...], NDArray[Any], str]]
"""By name: the dimensions, the values, and what they mean."""


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
        with h5py.File(temporary, "x") as file:
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
        with h5py.File(temporary, "x", rdcc_nbytes=0) as file:
            for i, (found, where) in enumerate(zip(founds, at, strict=True)):
                _write_point(file.create_group(f"points/{i}"), found)
                results.append(found.result(where))
            study = complete(tuple(results))
            _write_tables(file, study)
        seal(temporary)
    return study


def _write_tables(file: h5py.File, study: Study) -> None:
    write_versions(file, STUDY)
    for name in ("experiment", "provenance", "warnings"):
        file.attrs[name] = json.dumps(getattr(study, name))
    scales = _write_scales(file, study)
    for name, (dimensions, values, meaning) in study_arrays(study).items():
        if name == "orders/local_slope":
            file["orders"].attrs["along"] = study.ladder_axes[0]
        write_array(file, name, values, meaning, [scales[d] for d in dimensions])


def _write_scales(file: h5py.File, study: Study) -> Scales:
    ranges: dict[str, tuple[Any, str]] = {axis.name: (axis.values, axis.kind.meaning) for axis in study.axes}
    ranges["field"] = study.fields, "modified field of the flow"
    ranges["parameter"] = range(study.points[0].start.size), "index of the parameter"
    if study.ladder_axes:
        rungs = next(len(axis.values) for axis in study.axes if axis.name == study.ladder_axes[0])
        ranges["orders/rung_pair"] = range(rungs - 1), "index of the first of two neighbouring rungs"
    scales = {}
    for path, (values, meaning) in ranges.items():
        name = path.rpartition("/")[2]
        array = np.array([v.encode() if isinstance(v, str) else v for v in values])
        scales[name] = file.create_dataset(path, data=array)
        scales[name].attrs["long_name"] = meaning
        if array.dtype.kind == "S":
            scales[name].attrs["_Encoding"] = "utf-8"  # by which xarray makes texts of them
        scales[name].make_scale(name)
    return scales


def study_arrays(study: Study) -> Arrays:
    """Return the arrays of a study's file, but for those of its points."""
    axes = tuple(axis.name for axis in study.axes)
    by_field, vector = (*axes, "field"), (*axes, "parameter")
    exact = np.array([point.count == 0 for point in study.points], np.int64).reshape(study.shape)
    arrays: Arrays = {
        "mean": (vector, study.mean, "mean endpoint"),
        "standard_error": (vector, study.standard_error, "standard error of the mean; 0 where exact"),
        "flow_endpoint": ((*by_field, "parameter"), study.flow_endpoint, "end of the flow"),
        "distance": (by_field, study.distance, "distance of the mean to the end of the flow"),
        "distance_standard_error": (
            by_field,
            study.distance_standard_error,
            "standard error of the distance",
        ),
        "count": (axes, study.count, "trajectories; 0 where the mean is exact"),
        "diverged": (axes, study.diverged, "trajectories that diverged"),
        "exact": (axes, exact, "1 where the mean is exact"),
        "flow_time": (axes, study.flow_time, "epochs times batches times step size"),
        "range_number": (axes, study.range_number, "batches times step size times largest curvature"),
        "start": _starts(study, axes),
    }
    return arrays | _orders(study)


def _starts(study: Study, axes: Sequence[str]) -> tuple[tuple[str, ...], NDArray[Any], str]:
    own = [i for i, name in enumerate(axes) if name.startswith("start")]
    starts = np.array([point.start for point in study.points]).reshape(*study.shape, -1)
    chosen = starts[tuple(slice(None) if i in own else 0 for i in range(len(axes)))]
    return (*(axes[i] for i in own), "parameter"), chosen, "parameters at the start"


def _orders(study: Study) -> Arrays:
    """Return slopes and orders along the first axis that has a size."""
    ladders = study.ladders(CONFIDENCE)
    if not ladders:
        return {}
    along = study.ladder_axes[0]
    place = [axis.name for axis in study.axes].index(along)
    others = tuple(axis.name for axis in study.axes if axis.name != along)
    shape = tuple(len(axis.values) for axis in study.axes if axis.name != along)

    def of(value: Callable[[Any], Any], nothing: Any) -> NDArray[np.float64]:
        found = []
        for ladder in ladders:
            there = {one.field: value(one) for one in ladder.fields}
            found.append([there.get(name, nothing) for name in study.fields])
        array = np.array(found, float)
        return array.reshape(shape + array.shape[1:])

    arrays: Arrays = {}
    pairs = np.full(len(ladders[0].values) - 1, np.nan)
    dimensions = (*others[:place], "rung_pair", *others[place:], "field")
    columns = {
        "local_slope": ("slopes", "slope of the distance between neighbouring rungs"),
        "local_slope_standard_error": ("slope_errors", "standard error of the slope"),
    }
    for name, (attribute, meaning) in columns.items():
        values = of(attrgetter(attribute), pairs)
        arrays[f"orders/{name}"] = dimensions, np.moveaxis(values, -1, place), meaning
    numbers: dict[str, tuple[Callable[[Any], Any], str]] = {
        "order": (lambda one: one.order, "fitted order; NaN if there is no fit"),
        "order_standard_error": (lambda one: one.order_error, "standard error of the order"),
        "order_lower": (lambda one: one.order_interval[0], f"lower end of the {CONFIDENCE:.0%} interval"),
        "order_upper": (lambda one: one.order_interval[1], f"upper end of the {CONFIDENCE:.0%} interval"),
    }
    for name, (value, meaning) in numbers.items():
        arrays[f"orders/{name}"] = (*others, "field"), of(value, np.nan), meaning
    return arrays
