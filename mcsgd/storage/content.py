"""What a run's file has beside trajectories, written to an open file, or to a group of one."""

from __future__ import annotations

import json

import h5py
import numpy as np

from mcsgd.ensemble import Ensemble
from mcsgd.flow import Flow
from mcsgd.moments import MomentsTree
from mcsgd.origin import Origin
from mcsgd.run import Run
from mcsgd.storage.arrays import Scales, write_array
from mcsgd.storage.nodes import write_nodes
from mcsgd.storage.schema import FORMAT, MATRIX, write_versions
from mcsgd.storage.summary import summary

__all__ = ["ROWS", "write_attributes", "write_head_content", "write_moments_content", "write_statistics"]

ROWS = {
    "endpoints": ("parameters after the last epoch", ("trajectory", "parameter")),
    "status": ("0 finished, 1 diverged", ("trajectory",)),
    "corrected": ("endpoints less their control variate, of the same mean", ("trajectory", "parameter")),
    "snapshots": ("parameters after chosen epochs", ("trajectory", "epoch", "parameter")),
    "paths": ("parameters after every step", ("path_index", "step", "parameter")),
}
"""What is kept of trajectories: the datasets, what they mean, and their dimensions."""


def write_head_content(file: h5py.Group, run: Run) -> Scales:
    """Write what there is of a run before its trajectories to an open file, or to a group of one."""
    write_attributes(file, run)
    scales = _write_scales(file, run.cloud.origin)
    start = "parameters at the start"
    write_array(file, "start", run.cloud.start, start, [scales["parameter"]])
    file.create_group("flows", track_order=True)
    for flow in run.flows.values():
        _write_flow(file, flow, scales)
    if run.cloud.first_paths is not None:
        meaning, names = ROWS["paths"]
        write_array(file, "paths", run.cloud.first_paths, meaning, [scales[name] for name in names])
    if run.predicted_covariance is not None:
        group, dimensions = file.create_group("predicted"), [scales[d] for d in MATRIX]
        meaning = "predicted covariance of single endpoints"
        write_array(group, "covariance", run.predicted_covariance, meaning, dimensions)
    return scales


def write_moments_content(file: h5py.Group, run: Run, tree: MomentsTree) -> None:
    """Write all of a run that keeps moments alone to an open file, or to a group of one."""
    scales = write_head_content(file, run)
    write_nodes(file, tree.nodes, scales)
    write_statistics(file, run.cloud.origin, tree, scales)


def write_statistics(file: h5py.Group, origin: Origin, tree: MomentsTree, scales: Scales) -> None:
    """Write the statistics of all trajectories, whose moments are in the tree."""
    cloud = Ensemble(origin, None, tree.total)
    corrected = cloud.is_corrected or "corrected" in file
    meanings = {
        "mean": "mean of the corrected endpoints" if corrected else "mean endpoint",
        "standard_error": f"standard error of the mean; independent unit: {cloud.unit_name}",
        "covariance": "covariance of endpoints",
        "count": "trajectories",
        "diverged": "trajectories that diverged",
    }
    group = file.create_group("statistics")
    for name, values in summary(cloud).items():
        meaning = meanings[name.split("/")[-1]]
        write_array(group, name, values, meaning, [scales[d] for d in MATRIX[: values.ndim]])


def write_attributes(file: h5py.Group, run: Run) -> None:
    """Write the root attributes, in the place of any that are there."""
    origin = run.cloud.origin
    write_versions(file, FORMAT)
    file.attrs["fingerprint"] = origin.fingerprint
    file.attrs["flow_time"] = origin.flow_time
    file.attrs["batches"] = np.int64(origin.batches)
    file.attrs["leaf"] = np.int64(origin.leaf)
    file.attrs["kept"] = origin.kept
    file.attrs["trajectories"] = np.int64(origin.settings.trajectories)
    file.attrs["stopped_by"] = run.stopped_by
    file.attrs["experiment"] = json.dumps(run.experiment)
    file.attrs["provenance"] = json.dumps(run.provenance)


def _write_scales(file: h5py.Group, origin: Origin) -> Scales:
    settings = origin.settings
    parameters = np.arange(origin.start.size)
    ranges = {
        "parameter": (parameters, "index of the parameter"),
        # a dimension of its own: xarray knows no array with one dimension twice
        "other_parameter": (parameters, "index of the parameter, of a matrix's columns"),
    }
    if settings.snapshots:
        ranges["epoch"] = np.array(settings.snapshots), "epochs done"
    if settings.paths:
        # not "path": in xarray's tree a flow's path would be hidden by a coordinate of that name
        ranges["path_index"] = np.arange(settings.paths), "index of the trajectory"
        ranges["step"] = np.arange(origin.steps + 1), "steps done"
    scales = {}
    for name, (values, meaning) in ranges.items():
        scales[name] = file.create_dataset(name, data=values.astype(np.int64))
        scales[name].attrs["long_name"] = meaning
        scales[name].make_scale(name)
    return scales


def _write_flow(file: h5py.Group, flow: Flow, scales: Scales) -> None:
    group = file.create_group(f"flows/{flow.field}")
    group.attrs["message"] = flow.message
    group.attrs["derivatives"] = flow.derivatives
    time = group.create_dataset("time", data=flow.time)
    time.attrs.update({"units": "step size times steps", "long_name": "flow time"})
    time.make_scale("time")
    meaning = f"parameters on the {flow.field} flow"
    write_array(group, "path", flow.path, meaning, [time, scales["parameter"]])
    meaning = f"end of the {flow.field} flow; NaN if not reached"
    write_array(group, "endpoint", flow.endpoint, meaning, [scales["parameter"]])
