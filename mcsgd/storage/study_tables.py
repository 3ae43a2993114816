"""The tables of a study's file: named arrays over its axes, for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.storage.arrays import Scales, write_array
from mcsgd.storage.schema import STUDY, write_versions
from mcsgd.studies.study import Study

__all__ = ["study_arrays", "write_tables"]

CONFIDENCE = 0.95
"""Of the intervals in the file."""

Arrays = dict[str, tuple[tuple[str, ...], NDArray[Any], str]]
"""By name: the dimensions, the values, and what they mean."""


def write_tables(file: h5py.File, study: Study) -> None:
    """Write all of a study but its points to an open file."""
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
