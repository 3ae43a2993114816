"""Read a run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from mcsgd.ensemble import Ensemble
from mcsgd.errors import FileFormatError
from mcsgd.flow import Flow
from mcsgd.origin import Origin
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.storage.nodes import read_nodes
from mcsgd.storage.schema import open_file
from mcsgd.storage.seal import broken_seal, is_sealed
from mcsgd.storage.stored import stored_rows

__all__ = ["head_of", "load_run", "load_whole", "read_head", "row_shapes", "run_of"]

SOON_READ = 2**24
"""Bytes of a file that is read whole to look for damage; `mcsgd verify` does it for any."""


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a run's HDF5 file. Needs no numba and compiles nothing.

    Endpoints, and all else that is as long as there are trajectories, are read when they are first asked
    for: a file may be larger than the memory.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is not a run of mcsgd, is damaged, or was written by a newer major version.
    """
    return _load(Path(path).expanduser().absolute(), run_of)


def load_whole(path: Path) -> Run:
    """Read a run's file as `load_run` does, having looked at every byte of it; raises as it does."""
    run, reason = load_run(path), broken_seal(path)
    if reason:
        raise FileFormatError(f"{path} is damaged: {reason}")
    return run


def read_head(path: Path) -> Run:
    """Return a run without its trajectories, from a file that need not have any; raises as `load_run`."""
    return _load(path, lambda file, _: head_of(file))


def _load(path: Path, read: Any) -> Run:
    with open_file(path) as file:
        size = path.stat().st_size
        if size <= SOON_READ and is_sealed(path):
            reason = broken_seal(path)
            if reason:
                raise FileFormatError(f"{path} is damaged: {reason}")
        try:
            run: Run = read(file, path)
            return run
        except (KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
            raise FileFormatError(f"{path} is damaged: {error}") from error


def row_shapes(origin: Origin, first: int, stop: int) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of what is kept of trajectories first..stop - 1."""
    rows, d, settings = stop - first, origin.start.size, origin.settings
    paths = max(min(stop, settings.paths) - first, 0)
    return {
        "endpoints": (rows, d),
        "status": (rows,),
        "snapshots": (rows, len(settings.snapshots), d),
        "paths": (paths, origin.steps + 1, d),
        "corrected": (rows, d),
    }


def run_of(file: h5py.Group, path: Path) -> Run:
    """Return the run in an open file, or in a group of one."""
    run = head_of(file)
    origin = run.cloud.origin
    n, rows = origin.settings.trajectories, None
    if origin.kept == "cloud":
        rows = stored_rows(file, path, 0, row_shapes(origin, 0, n))
        if origin.settings.design == "control-variate" and not rows.is_corrected:
            raise ValueError("the corrected endpoints are missing")
    nodes = read_nodes(file) if "moments" in file else []
    moments = None
    if nodes or rows is None:
        tree = origin.tree(nodes)
        if not tree.covers(n):
            raise ValueError(f"its moments are not those of {n} trajectories")
        moments = tree.total
    return replace(run, cloud=replace(run.cloud, rows=rows, known_moments=moments))


def head_of(file: h5py.Group) -> Run:
    """Return what there is of a run before its trajectories."""
    experiment, n = json.loads(file.attrs["experiment"]), int(file.attrs["trajectories"])
    origin = Origin(
        settings=replace(Settings.from_tables(experiment), trajectories=n),
        start=_array(file["start"]),
        flow_time=float(file.attrs["flow_time"]),
        batches=int(file.attrs["batches"]),
        leaf=int(file.attrs["leaf"]),
        fingerprint=str(file.attrs["fingerprint"]),
        stream_version=int(file.attrs["stream_version"]),
        kept=str(file.attrs["kept"]),
    )
    d, paths = origin.start.size, None
    if origin.kept != "cloud" and origin.settings.paths:
        paths = _array(file["paths"])
    predicted = _array(file["predicted/covariance"]) if "predicted" in file else None
    if predicted is not None and predicted.shape != (d, d):
        raise ValueError(f"the predicted covariance has shape {predicted.shape} in the place of {(d, d)}")
    return Run(
        cloud=Ensemble(origin, None, first_paths=paths),
        flows={name: _flow(name, group) for name, group in file.get("flows", {}).items()},
        experiment=experiment,
        provenance=json.loads(file.attrs["provenance"]),
        predicted_covariance=predicted,
        stopped_by=str(file.attrs["stopped_by"]),
    )


def _flow(name: str, group: h5py.Group) -> Flow:
    return Flow(
        field=name,
        time=_array(group["time"]),
        path=_array(group["path"]),
        endpoint=_array(group["endpoint"]),
        message=str(group.attrs["message"]),
        derivatives=str(group.attrs["derivatives"]),
    )


def _array(dataset: h5py.Dataset) -> NDArray[Any]:
    values: NDArray[Any] = dataset[()]
    return values
