"""Write a run for other programs: NumPy's .npz, or netCDF (.nc) in ArviZ's groups.

Both hold what the run's own file holds, under plain names; in flows_<field>_endpoint and the like a hyphen of
the field's name is an underscore. A .npz has all as arrays, texts among them; none of it needs pickle. A .nc
has the groups

posterior
    endpoints, corrected (chain, draw, parameter): one chain, whose draws are the trajectories
sample_stats
    diverging (chain, draw), snapshots (chain, draw, epoch, parameter)
constant_data
    all else: start, flows, paths, predictions, statistics

and the texts as attributes of its root. `arviz.from_netcdf` reads it. Draws are trajectories, which are not
independent within a pair or a set: the mean's standard error is statistics_standard_error, not ArviZ's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mcsgd.ensemble import Ensemble
from mcsgd.errors import InputError, MissingExtraError
from mcsgd.run import Run
from mcsgd.storage.output import check_output, new_file
from mcsgd.storage.schema import MATRIX
from mcsgd.storage.summary import summary

__all__ = ["check_export", "export_run"]

Arrays: TypeAlias = dict[str, tuple[tuple[str, ...], NDArray[Any]]]
"""By name: the names of the dimensions, and the values."""

SUFFIXES = (".npz", ".nc")
GROUPS = {
    "posterior": ("endpoints", "corrected"),
    "sample_stats": ("status", "snapshots", "epoch"),
}
"""What does not go to constant_data."""


def check_export(path: str | os.PathLike[str], size: int = 0) -> Path:
    """Say, before anything is read, whether a run can be exported to `path`; `size` is in bytes.

    Raises
    ------
    InputError
        If the ending is not .npz or .nc, or nothing can be written there.
    MissingExtraError
        If it is .nc and xarray or h5netcdf is not installed.
    OutputExistsError
        If something is there.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError([("output", f"must end in {' or '.join(SUFFIXES)}, got {path}")])
    if suffix == ".nc":
        _xarray()
    return check_output(path, "output", size=size)


def export_run(run: Run, path: str | os.PathLike[str]) -> None:
    """Write a run to a new file, .npz or .nc by its ending; see the module.

    Raises
    ------
    InputError
        If the ending is another, nothing can be written there, or a .nc is to hold a run without its cloud.
    MissingExtraError
        If it is .nc and xarray or h5netcdf is not installed.
    OutputExistsError
        If something is there, which is left alone.
    WriteError
        If it cannot be written.
    """
    target = check_export(path)
    netcdf = target.suffix.lower() == ".nc"
    if netcdf and not run.cloud.kept:
        message = "must have a cloud to be written as .nc, got one that kept moments only; .npz can hold them"
        raise InputError([("run", message)])
    arrays, texts = _arrays(run), _texts(run)
    check_export(path, size=sum(values.nbytes for _, values in arrays.values()))
    with new_file(target) as temporary:
        if netcdf:
            _write_netcdf(temporary, arrays, texts)
        else:
            _write_npz(temporary, arrays, texts)


def _arrays(run: Run) -> Arrays:
    cloud = run.cloud
    arrays: Arrays = {"start": (("parameter",), cloud.start)}
    if cloud.kept:
        arrays["endpoints"] = ("trajectory", "parameter"), cloud.endpoints
        arrays["status"] = ("trajectory",), cloud.status
    if cloud.corrected is not None:
        arrays["corrected"] = ("trajectory", "parameter"), cloud.corrected
    if cloud.snapshots.size:
        arrays["epoch"] = ("epoch",), np.array(cloud.settings.snapshots, np.int64)
        arrays["snapshots"] = ("trajectory", "epoch", "parameter"), cloud.snapshots
    if cloud.paths.size:
        arrays["paths"] = ("path_index", "step", "parameter"), cloud.paths
    for field, flow in run.flows.items():
        name = _flow_name(field)
        arrays[f"{name}_time"] = (f"{name}_time",), flow.time
        arrays[f"{name}_path"] = (f"{name}_time", "parameter"), flow.path
        arrays[f"{name}_endpoint"] = ("parameter",), flow.endpoint
    if run.predicted_covariance is not None:
        arrays["predicted_covariance"] = MATRIX, run.predicted_covariance
    numbers = {"flow_time": cloud.flow_time, "batches": cloud.batches, "stream_version": cloud.stream_version}
    arrays |= {name: ((), np.array(number)) for name, number in numbers.items()}
    return arrays | _moments(cloud) | _statistics(cloud)


def _moments(cloud: Ensemble) -> Arrays:
    """Return the moments, where they were kept alone."""
    if cloud.kept:
        return {}
    arrays: Arrays = {"moments_left_out": ((), np.array(cloud.moments.left_out))}
    for name in ("units", "singles"):
        moments = getattr(cloud.moments, name)
        arrays[f"moments_{name}_count"] = (), np.array(moments.count)
        arrays[f"moments_{name}_mean"] = ("parameter",), moments.mean
        arrays[f"moments_{name}_scatter"] = MATRIX, moments.scatter
    return arrays


def _statistics(cloud: Ensemble) -> Arrays:
    found = summary(cloud)
    return {f"statistics_{n.replace('/', '_')}": (MATRIX[: v.ndim], v) for n, v in found.items()}


def _texts(run: Run) -> dict[str, str]:
    texts = {
        "experiment": json.dumps(run.experiment),
        "provenance": json.dumps(run.provenance),
        "fingerprint": run.cloud.fingerprint,
    }
    for field, flow in run.flows.items():
        name = _flow_name(field)
        texts |= {f"{name}_message": flow.message, f"{name}_derivatives": flow.derivatives}
    return texts


def _flow_name(field: str) -> str:
    return f"flows_{field.replace('-', '_')}"


def _write_npz(path: Path, arrays: Arrays, texts: dict[str, str]) -> None:
    held: dict[str, Any] = {name: values for name, (_, values) in arrays.items()}
    held |= {name: np.array(text) for name, text in texts.items()}
    with path.open("xb") as file:  # given a name, NumPy would add .npz to it
        np.savez(file, **held)


def _write_netcdf(path: Path, arrays: Arrays, texts: dict[str, str]) -> None:
    xarray = _xarray()
    groups: dict[str, Arrays] = {"posterior": {}, "sample_stats": {}, "constant_data": {}}
    for name, array in arrays.items():
        group = next((g for g, names in GROUPS.items() if name in names), "constant_data")
        groups[group][name] = array
    dimensions, status = groups["sample_stats"].pop("status")
    groups["sample_stats"]["diverging"] = dimensions, status != 0
    datasets, encoding = {"/": xarray.Dataset(attrs=texts)}, {}
    for group, held in groups.items():
        variables = xarray.Dataset({name: _variable(*array) for name, array in held.items()})
        indices = {name: np.arange(n) for name, n in variables.sizes.items() if name not in variables}
        datasets[group] = variables.assign_coords(indices)
        encoding[f"/{group}"] = {name: {"_FillValue": None} for name in datasets[group].variables}
    tree = xarray.DataTree.from_dict(datasets)
    tree.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def _variable(dimensions: tuple[str, ...], values: NDArray[Any]) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Return what xarray makes a variable of, a trajectory being a draw of the one chain."""
    if dimensions[:1] == ("trajectory",):
        return ("chain", "draw", *dimensions[1:]), values[None]
    return dimensions, values


def _xarray() -> Any:
    try:
        import h5netcdf  # noqa: F401 - what xarray writes with
        import xarray
    except ImportError:
        raise MissingExtraError(".nc files need xarray and h5netcdf: pip install 'mcsgd[xarray]'") from None
    return xarray
