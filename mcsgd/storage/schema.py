"""What a run's HDF5 file looks like, and the one function that says whether a file is one.

Root attributes
    format, format_version (major, minor), stream_version, mcsgd_version (that wrote it), fingerprint,
    flow_time, batches, leaf (see `mcsgd.moments.MomentsTree`), kept ("cloud", "moments" or "binned moments"),
    trajectories,
    stopped_by ("count", "standard error" or "time");
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
/moments/node (k), first (k), stop (k), left_out (k), diverged (k),
/moments/{units, singles}/count (k), mean (k, d), scatter (k, d, d)
    of trajectories first[i]..stop[i] - 1, as deviations from the start: of a cloud, if d <= n, one line for
    all (else they are soon computed from it); in the place of a cloud, as many as it takes to add
    trajectories later. singles is not there where single trajectories are the units
/moments/bin (b), /moments/bins/count (k, b), mean (k, b, d)
    of the binned units (see `mcsgd.moments.Bins`), where they are kept
/trajectory (n), /epoch (epochs kept), /parameter (d), /other_parameter (d), /path_index (p),
/step (steps + 1)
    dimension scales, so that xarray names the coordinates. The columns of a matrix have a scale of their own,
    as xarray warns of one dimension twice; none has the name of a dataset in a group, which would be hidden
    by it in xarray's tree

Shards, the files of a run that is not complete, have the root attributes format, format_version,
stream_version, mcsgd_version, fingerprint, first, stop, made (JSON: host, process, job, seconds) and, of
trajectories first..stop - 1, the datasets endpoints, status, corrected, snapshots, paths; or the group
moments.

A study's file has the versions, experiment and provenance, warnings (a JSON list) and
/<axis> (its values), /field, /parameter
    dimension scales; those of names (/field, /sampling) are texts of fixed length
/mean, /standard_error (axes, d), /flow_endpoint (axes, fields, d),
/distance, /distance_standard_error (axes, fields),
/count, /diverged, /exact (0 or 1), /flow_time, /range_number (axes),
/start (d), or (starts, d)
    NaN where there is nothing
/orders/local_slope, local_slope_standard_error (axes, fields), the first axis that has a size being
    /orders/rung_pair there,
/orders/order, order_standard_error, order_lower, order_upper (the other axes, fields)
    if an axis has a size, which is the attribute along; the interval is of confidence 0.95
/points/<i>
    all that is kept of point i, the last axis varying fastest: what a run's file has, with binned moments; or
    its head, and exact/mean (d), exact/covariance (d, d) with the attributes method and message

Plain numbers and JSON text only: the file is read from R, Julia and MATLAB as well. No
compression: most of a double's bits are noise here. Checksums by chunk (fletcher32) on all that is large, and
one of the whole file behind its end (`mcsgd.storage.seal`).
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

import mcsgd
from mcsgd.errors import FileFormatError, InputError, NewerFormatError
from mcsgd.schemes import STREAM_VERSION
from mcsgd.storage.seal import broken_seal, is_sealed

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "MATRIX",
    "POINT",
    "SHARD",
    "STUDY",
    "format_of",
    "open_file",
    "write_versions",
]

FORMAT, SHARD, STUDY, POINT = "mcsgd", "mcsgd shard", "mcsgd study", "mcsgd study point"
NAMES = {FORMAT: "a run", SHARD: "a part of a run", STUDY: "a study", POINT: "a point of a study"}
FORMAT_VERSION = (1, 0)
"""A newer minor version can be read by this one; a newer major version cannot."""

MATRIX = ("parameter", "other_parameter")
"""The dimensions of a (d, d) array."""


def write_versions(file: h5py.Group, kind: str) -> None:
    """Write the attributes by which `open_file` knows a file."""
    file.attrs["format"] = kind
    file.attrs["format_version"] = np.array(FORMAT_VERSION, np.int64)
    file.attrs["stream_version"] = np.int64(STREAM_VERSION)
    file.attrs["mcsgd_version"] = mcsgd.__version__


def open_file(path: Path, kind: str = FORMAT) -> h5py.File:
    """Open a run, or a shard, for reading.

    Raises
    ------
    InputError
        If there is no such file.
    FileFormatError
        If it is not one, or is damaged.
    NewerFormatError
        If it was written by a newer major version or for a newer random stream.
    """
    if not path.is_file():
        found = "is none" if path.exists() else "does not exist"
        raise InputError([("path", f"must be {NAMES[kind]}'s HDF5 file, got {path}, which {found}")])
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise FileFormatError(f"{path} is not an HDF5 file, or is damaged: {error}") from None
    try:
        _check_version(path, file, kind)
    except BaseException as error:
        file.close()
        if isinstance(error, FileFormatError) and is_sealed(path) and (reason := broken_seal(path)):
            raise FileFormatError(f"{path} is damaged: {reason}") from None
        raise
    return file


def format_of(path: Path) -> str:
    """Return the format that a file says it has, or nothing if it is none of ours."""
    try:
        with h5py.File(path, "r") as file:
            mark = file.attrs.get("format", "")
    except OSError:
        return ""
    return mark if isinstance(mark, str) and mark in NAMES else ""


def _check_version(path: Path, file: h5py.File, kind: str) -> None:
    try:
        mark = file.attrs.get("format")
    except OSError as error:
        raise FileFormatError(f"{path} is damaged: {error}") from None
    if isinstance(mark, str) and mark == SHARD and kind == FORMAT:
        raise FileFormatError(f"{path} is a part of a run: mcsgd merge makes the run of its parts")
    if not isinstance(mark, str) or mark not in NAMES:
        raise FileFormatError(
            f"{path} is an HDF5 file, but not {NAMES[kind]} of mcsgd: it has no format attribute of ours"
        )
    if mark != kind:
        raise FileFormatError(f"{path} is {NAMES[mark]}, and not {NAMES[kind]}")
    try:
        major, minor = (int(x) for x in file.attrs["format_version"])
        stream, writer = int(file.attrs["stream_version"]), str(file.attrs["mcsgd_version"])
    except (KeyError, TypeError, ValueError, OSError):
        raise FileFormatError(f"{path} is damaged: its versions are missing or not numbers") from None
    advice = f"mcsgd {writer} wrote it, and that version or a newer one reads it"
    if major > FORMAT_VERSION[0]:
        raise NewerFormatError(
            f"{path} has format version {major}.{minor}, and this mcsgd reads up to {FORMAT_VERSION[0]}: "
            f"{advice}"
        )
    if stream > STREAM_VERSION:
        raise NewerFormatError(
            f"{path} is of random stream {stream}, and this mcsgd knows up to {STREAM_VERSION}: {advice}"
        )
