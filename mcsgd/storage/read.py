"""Read a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsgd.ensemble import Ensemble
from mcsgd.errors import FileFormatError
from mcsgd.flow import Flow
from mcsgd.moments import EnsembleMoments, Moments
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.storage.schema import open_run

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Run:
    """Read a run's HDF5 file, whole. Needs no numba and compiles nothing.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is not a run of mcsgd, is damaged, or was written by a newer major version.
    """
    with open_run(Path(path).expanduser()) as file:
        try:
            return _read(file)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise FileFormatError(f"{path} is damaged: {error}") from error


def _read(file: h5py.File) -> Run:
    experiment = json.loads(file.attrs["experiment"])
    settings = Settings.from_tables(experiment)
    start = _array(file["start"])
    parameters, batches = start.size, int(file.attrs["batches"])
    moments = _moments(file["moments"]) if "moments" in file else None
    count = settings.trajectories if moments is None else 0
    endpoints = _array(file["endpoints"]) if count else np.empty((0, parameters))
    steps = settings.epochs * batches + 1
    cloud = Ensemble(
        settings=settings,
        start=start,
        endpoints=endpoints,
        status=_array(file["status"]) if count else np.empty(0, np.uint8),
        snapshots=_optional(file, "snapshots", (count, len(settings.snapshots), parameters)),
        paths=_optional(file, "paths", (settings.paths, steps, parameters)),
        flow_time=float(file.attrs["flow_time"]),
        batches=batches,
        fingerprint=str(file.attrs["fingerprint"]),
        stream_version=int(file.attrs["stream_version"]),
        moments=moments,
        corrected=_corrected(file, settings),
    )
    predicted = _array(file["predicted/covariance"]) if "predicted" in file else None
    flows = {name: _flow(name, group) for name, group in file.get("flows", {}).items()}
    if not (
        cloud.count == settings.trajectories
        and endpoints.shape == (count, parameters)
        and cloud.status.shape == (count,)
        and (cloud.corrected is None or cloud.corrected.shape == endpoints.shape)
        and cloud.snapshots.shape == (count, len(settings.snapshots), parameters)
        and cloud.paths.shape == (settings.paths, steps, parameters)
        and (predicted is None or predicted.shape == (parameters, parameters))
    ):
        raise ValueError(f"the datasets' shapes do not fit {settings.trajectories} trajectories")
    return Run(cloud, flows, experiment, json.loads(file.attrs["provenance"]), predicted)


def _corrected(file: h5py.File, settings: Settings) -> NDArray[np.float64] | None:
    """Return the corrected endpoints, which design control-variate has, and other designs may have."""
    needed = settings.design == "control-variate"
    return _array(file["corrected"]) if needed or "corrected" in file else None


def _moments(group: h5py.Group) -> EnsembleMoments:
    units, singles = (
        Moments(int(group[name]["count"][()]), _array(group[name]["mean"]), _array(group[name]["scatter"]))
        for name in ("units", "singles")
    )
    return EnsembleMoments(units, singles, int(group["left_out"][()]))


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


def _optional(file: h5py.File, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.empty(shape) if 0 in shape else _array(file[name])
