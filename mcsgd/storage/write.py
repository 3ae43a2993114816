"""Write a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.ensemble import Ensemble
from mcsgd.errors import InputError
from mcsgd.flow import Flow
from mcsgd.moments import MomentsTree, Node
from mcsgd.origin import Origin
from mcsgd.rows import Source, pieces
from mcsgd.run import Run
from mcsgd.storage.arrays import Scales, create_array, write_array
from mcsgd.storage.nodes import write_nodes
from mcsgd.storage.output import new_file
from mcsgd.storage.schema import FORMAT, MATRIX, write_versions
from mcsgd.storage.seal import seal
from mcsgd.storage.sink import Sink, written
from mcsgd.storage.summary import summary

__all__ = ["ROWS", "write_head", "write_run"]

AT_ONCE = 2**22
"""Numbers of a cloud that are in memory at once."""

ROWS = {
    "endpoints": ("parameters after the last epoch", ("trajectory", "parameter")),
    "status": ("0 finished, 1 diverged", ("trajectory",)),
    "corrected": ("endpoints less their control variate, of the same mean", ("trajectory", "parameter")),
    "snapshots": ("parameters after chosen epochs", ("trajectory", "epoch", "parameter")),
    "paths": ("parameters after every step", ("path_index", "step", "parameter")),
}
"""What is kept of trajectories: the datasets, what they mean, and their dimensions."""


def write_run(
    path: Path,
    run: Run,
    sources: Sequence[Source] = (),
    tree: MomentsTree | None = None,
    replace: bool = False,
    folder: Path | None = None,
) -> None:
    """Write a run to a new file; it appears under its name when it is complete.

    The trajectories are those of `sources`, which together have all of them, in any order, and are read part
    by part; or of `tree`, if moments alone were kept. By default, those of the run. `replace` and `folder`
    are as for `new_file`.

    Raises
    ------
    InputError
        If trajectories are left out of the cloud: a file holds them all.
    OutputExistsError
        If there is something at `path`, and `replace` is not set.
    WriteError
        If it cannot be written.
    """
    if run.cloud.left_out:
        raise InputError(
            [("cloud", f"must be whole, got one with {run.cloud.left_out} trajectories left out")]
        )
    if tree is None and not sources:
        rows, moments, n = run.cloud.rows, run.cloud.moments, run.cloud.count
        sources = [] if rows is None else [rows]
        tree = MomentsTree(run.cloud.origin.leaf, [Node(0, n, moments)]) if rows is None else None
    with new_file(path, replace, folder) as temporary:
        with written(temporary) as (file, sink):
            scales = _write_head(file, run)
            if tree is None:
                tree = _write_rows(file, sink, run.cloud.origin, sources, scales)
                if run.cloud.start.size <= run.cloud.count:  # else larger than what it is computed from
                    whole = Node(0, run.cloud.count, tree.total)
                    write_nodes(file, [whole], scales)
            else:
                write_nodes(file, tree.nodes, scales)
            _write_statistics(file, Ensemble(run.cloud.origin, None, tree.total), "corrected" in file, scales)
        seal(temporary)


def write_head(path: Path, run: Run) -> None:
    """Write what there is of a run before its trajectories, in the place of what was there."""
    with new_file(path, replace=True) as temporary:
        with written(temporary) as (file, _):
            _write_head(file, run)
        seal(temporary)


def _write_head(file: h5py.File, run: Run) -> Scales:
    _write_attributes(file, run)
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


def _write_attributes(file: h5py.File, run: Run) -> None:
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


def _write_scales(file: h5py.File, origin: Origin) -> Scales:
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


def _write_rows(
    file: h5py.File, sink: Sink, origin: Origin, sources: Sequence[Source], scales: Scales
) -> MomentsTree:
    """Copy the trajectories, and return their moments, taken on the way."""
    n, tree = origin.settings.trajectories, origin.tree()
    index = _trajectory_scale(file, n)
    scales = {**scales, "trajectory": index}
    each = (2 + len(origin.settings.snapshots)) * origin.start.size
    size = max(AT_ONCE // each // origin.leaf, 1) * origin.leaf
    for piece in pieces(sources, 0, n, size):
        index[piece.first : piece.stop] = np.arange(piece.first, piece.stop)
        for name, (meaning, dimensions) in ROWS.items():
            values: NDArray[Any] | None = getattr(piece, name)
            if values is None or any(d not in scales for d in dimensions) or not values.size:
                continue
            if name not in file:
                shape = len(scales[dimensions[0]]), *values.shape[1:]
                create_array(file, name, shape, values.dtype, meaning, [scales[d] for d in dimensions])
            file[name][piece.first : piece.first + len(values)] = values
        sink.check()
        for rows in pieces([piece], piece.first, piece.stop, origin.leaf):
            tree.add(origin.node(rows))
    return tree


def _trajectory_scale(file: h5py.File, n: int) -> h5py.Dataset:
    """Return the scale of the trajectories, without its values; compressed, as it is 8 bytes for each."""
    filters = {"chunks": (2**13,), "compression": "gzip", "compression_opts": 1, "shuffle": True}
    scale = file.create_dataset("trajectory", (n,), np.int64, **(filters if n > 2**13 else {}))
    scale.attrs["long_name"] = "index of the trajectory"
    scale.make_scale("trajectory")
    return scale


def _write_flow(file: h5py.File, flow: Flow, scales: Scales) -> None:
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


def _write_statistics(file: h5py.File, cloud: Ensemble, corrected: bool, scales: Scales) -> None:
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
