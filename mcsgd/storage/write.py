"""Write a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.ensemble import Ensemble
from mcsgd.errors import InputError
from mcsgd.flow import Flow
from mcsgd.moments import Moments
from mcsgd.run import Run
from mcsgd.storage.output import new_file
from mcsgd.storage.schema import CHUNK_ROWS, FORMAT, FORMAT_VERSION, MATRIX

Scales = Mapping[str, h5py.Dataset]


def write_run(path: Path, run: Run) -> None:
    """Write a run to a new file; it appears under its name when it is complete.

    Raises
    ------
    InputError
        If trajectories are left out of the cloud: a file holds them all.
    OutputExistsError
        If there is something at `path`.
    """
    if run.cloud.left_out:
        raise InputError(
            [("cloud", f"must be whole, got one with {run.cloud.left_out} trajectories left out")]
        )
    with new_file(path) as temporary, h5py.File(temporary, "x") as file:
        _write_attributes(file, run)
        scales = _write_scales(file, run.cloud)
        _write_cloud(file, run.cloud, scales)
        file.create_group("flows", track_order=True)
        for flow in run.flows.values():
            _write_flow(file, flow, scales)
        _write_prediction(file, run, scales)
        _write_moments(file, run.cloud, scales)
        _write_statistics(file, run.cloud, scales)


def _write_attributes(file: h5py.File, run: Run) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = np.array(FORMAT_VERSION, np.int64)
    file.attrs["stream_version"] = np.int64(run.cloud.stream_version)
    file.attrs["fingerprint"] = run.cloud.fingerprint
    file.attrs["flow_time"] = run.cloud.flow_time
    file.attrs["batches"] = np.int64(run.cloud.batches)
    file.attrs["experiment"] = json.dumps(run.experiment)
    file.attrs["provenance"] = json.dumps(run.provenance)


def _write_scales(file: h5py.File, cloud: Ensemble) -> Scales:
    parameters = np.arange(cloud.start.size)
    ranges = {
        "parameter": (parameters, "index of the parameter"),
        # a dimension of its own: xarray knows no array with one dimension twice
        "other_parameter": (parameters, "index of the parameter, of a matrix's columns"),
    }
    if cloud.moments is None:
        ranges["trajectory"] = np.arange(len(cloud.endpoints)), "index of the trajectory"
    if cloud.snapshots.size:
        ranges["epoch"] = np.array(cloud.settings.snapshots), "epochs done"
    if cloud.paths.size:
        # not "path": in xarray's tree a flow's path would be hidden by a coordinate of that name
        ranges["path_index"] = np.arange(len(cloud.paths)), "index of the trajectory"
        ranges["step"] = np.arange(cloud.paths.shape[1]), "steps done"
    scales = {}
    for name, (values, meaning) in ranges.items():
        scales[name] = file.create_dataset(name, data=values.astype(np.int64))
        scales[name].attrs["long_name"] = meaning
        scales[name].make_scale(name)
    return scales


def _write_cloud(file: h5py.File, cloud: Ensemble, scales: Scales) -> None:
    arrays: list[tuple[str, NDArray[Any], str, list[str]]] = [
        ("start", cloud.start, "parameters at the start", ["parameter"])
    ]
    if cloud.moments is None:
        meaning = "parameters after the last epoch"
        arrays.append(("endpoints", cloud.endpoints, meaning, ["trajectory", "parameter"]))
        arrays.append(("status", cloud.status, "0 finished, 1 diverged", ["trajectory"]))
    if cloud.corrected is not None:
        meaning = "endpoints less their control variate, of the same mean"
        arrays.append(("corrected", cloud.corrected, meaning, ["trajectory", "parameter"]))
    if "epoch" in scales:
        dimensions = ["trajectory", "epoch", "parameter"]
        arrays.append(("snapshots", cloud.snapshots, "parameters after chosen epochs", dimensions))
    if "path_index" in scales:
        dimensions = ["path_index", "step", "parameter"]
        arrays.append(("paths", cloud.paths, "parameters after every step", dimensions))
    for name, values, meaning, dimensions in arrays:
        _write_array(file, name, values, meaning, [scales[d] for d in dimensions])


def _write_flow(file: h5py.File, flow: Flow, scales: Scales) -> None:
    group = file.create_group(f"flows/{flow.field}")
    group.attrs["message"] = flow.message
    group.attrs["derivatives"] = flow.derivatives
    time = group.create_dataset("time", data=flow.time)
    time.attrs.update({"units": "step size times steps", "long_name": "flow time"})
    time.make_scale("time")
    _write_array(
        group, "path", flow.path, f"parameters on the {flow.field} flow", [time, scales["parameter"]]
    )
    _write_array(
        group,
        "endpoint",
        flow.endpoint,
        f"end of the {flow.field} flow; NaN if not reached",
        [scales["parameter"]],
    )


def _write_prediction(file: h5py.File, run: Run, scales: Scales) -> None:
    if run.predicted_covariance is not None:
        group, dimensions = file.create_group("predicted"), [scales[d] for d in MATRIX]
        meaning = "predicted covariance of single endpoints"
        _write_array(group, "covariance", run.predicted_covariance, meaning, dimensions)


def _write_moments(file: h5py.File, cloud: Ensemble, scales: Scales) -> None:
    if cloud.moments is None:
        return
    parameter, matrix = scales["parameter"], [scales[d] for d in MATRIX]
    file.create_group("moments")["left_out"] = np.int64(cloud.moments.left_out)
    for name in ("units", "singles"):
        moments: Moments = getattr(cloud.moments, name)
        group = file.create_group(f"moments/{name}")
        group["count"] = np.int64(moments.count)
        _write_array(group, "mean", moments.mean, "mean endpoint minus start", [parameter])
        meaning = "sum of outer products of deviations from the mean"
        _write_array(group, "scatter", moments.scatter, meaning, matrix)


def _write_statistics(file: h5py.File, cloud: Ensemble, scales: Scales) -> None:
    group = file.create_group("statistics")
    group["count"] = np.int64(cloud.count)
    group["diverged"] = np.int64(cloud.diverged)
    if cloud.diverged:  # the mean over all orders does not exist
        cloud = cloud.finished()
        group = group.create_group("conditional_on_finishing")
        group["count"] = np.int64(cloud.count)
    if not cloud.count:
        return
    parameter = scales["parameter"]
    mean = "mean endpoint" if cloud.corrected is None else "mean of the corrected endpoints"
    error = f"standard error of the mean; independent unit: {cloud.unit_name}"
    _write_array(group, "mean", cloud.mean, mean, [parameter])
    _write_array(group, "standard_error", cloud.standard_error, error, [parameter])
    if cloud.start.size <= cloud.count:  # else larger than the cloud it is computed from
        matrix = [scales[d] for d in MATRIX]
        _write_array(group, "covariance", cloud.covariance, "covariance of endpoints", matrix)


def _write_array(
    group: h5py.Group, name: str, values: NDArray[Any], meaning: str, dimensions: list[h5py.Dataset]
) -> None:
    storage: dict[str, Any] = {}
    if values.size > CHUNK_ROWS:
        rows = max(1, CHUNK_ROWS // max(1, values[0].size // 32))
        storage = {"chunks": (min(rows, len(values)), *values.shape[1:]), "fletcher32": True}
    dataset = group.create_dataset(name, data=values, **storage)
    dataset.attrs["units"] = "1"
    dataset.attrs["long_name"] = meaning
    for axis, scale in zip(dataset.dims, dimensions, strict=True):
        axis.attach_scale(scale)
