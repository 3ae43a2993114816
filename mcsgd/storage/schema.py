"""What a run's HDF5 file looks like, and the one function that says whether a file is one.

Root attributes
    format, format_version (major, minor), stream_version, fingerprint, flow_time, batches;
    experiment and provenance, each one JSON text
/start (d), /endpoints (n, d), /status (n)
    status: 0 finished, 1 diverged (its endpoint is NaN)
/corrected (n, d)
    where the endpoints have a control variate: less that; their mean, and its error, are then of these
/snapshots (n, epochs kept, d), /paths (p, steps + 1, d)
    where the settings ask for them
/flows/<field>/time (p), path (p, d), endpoint (d)
    attributes message (empty, or why the integration ended early) and derivatives (how Hessian-vector
    products were had)
/predicted/covariance (d, d)
    of single endpoints, by theory, where it has one that is quickly had
/statistics/count, diverged, mean (d), standard_error (d), covariance (d, d)
    where trajectories diverged, the last three do not exist; in their place stands
    /statistics/conditional_on_finishing with its own count
/moments/left_out, /moments/{units, singles}/count, mean (d), scatter (d, d)
    in the place of endpoints and status, where the cloud was not kept; as deviations from the start
/trajectory (n), /epoch (epochs kept), /parameter (d), /other_parameter (d)
/path_index (p), /step (steps + 1)
    dimension scales, so that xarray names the coordinates. The columns of a matrix have a scale of their own,
    as xarray warns of one dimension twice; none has the name of a dataset in a group, which would be hidden
    by it in xarray's tree

Plain numbers and JSON text only: the file is read from R, Julia and MATLAB as well. No
compression: most of a double's bits are noise here. Checksums (fletcher32) on all that is large.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from mcsgd.errors import FileFormatError, InputError

FORMAT = "mcsgd"
FORMAT_VERSION = (1, 0)
"""A newer minor version can be read by this one; a newer major version cannot."""

CHUNK_ROWS = 4096

MATRIX = ("parameter", "other_parameter")
"""The dimensions of a (d, d) array."""


def open_run(path: Path) -> h5py.File:
    """Open a run for reading.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is not a run of mcsgd, is damaged, or was written by a newer major version.
    """
    if not path.is_file():
        found = "is none" if path.exists() else "does not exist"
        raise InputError([("path", f"must be a run's HDF5 file, got {path}, which {found}")])
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise FileFormatError(f"{path} is not an HDF5 file, or is damaged: {error}") from None
    try:
        _check_version(path, file)
    except BaseException:
        file.close()
        raise
    return file


def _check_version(path: Path, file: h5py.File) -> None:
    try:
        mark = file.attrs.get("format")
    except OSError as error:
        raise FileFormatError(f"{path} is damaged: {error}") from None
    if not isinstance(mark, str) or mark != FORMAT:
        raise FileFormatError(
            f"{path} is an HDF5 file, but not a run of mcsgd: it has no format attribute of ours"
        )
    try:
        major, minor = (int(x) for x in file.attrs["format_version"])
    except (KeyError, TypeError, ValueError):
        raise FileFormatError(
            f"{path} is damaged: its format_version is missing or not two numbers"
        ) from None
    if major > FORMAT_VERSION[0]:
        raise FileFormatError(
            f"{path} has format version {major}.{minor}, and this mcsgd reads up to {FORMAT_VERSION[0]}: "
            "update mcsgd"
        )
