"""Where a result comes from: software, parameters, environment, resources."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

PACKAGES = ("mcsgd", "numba", "llvmlite", "numpy", "scipy", "h5py")
JOB_VARIABLES = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "PBS_JOBID", "LSB_JOBID")


class Clock:
    """Notes when work began, for the resources part of the provenance."""

    def __init__(self) -> None:
        self.began = datetime.now(UTC)
        self._seconds = time.perf_counter()
        self._cpu = time.process_time()

    def resources(self) -> dict[str, Any]:
        """Return start, end (UTC), and the seconds of wall clock and of all cores between."""
        return {
            "start": self.began.isoformat(timespec="seconds"),
            "end": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._seconds, 3),
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
        }


def provenance(clock: Clock, workers: int, **parameters: Any) -> dict[str, Any]:
    """Return the provenance of work that began with `clock`; all of it is plain JSON."""
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "software": {
            **versions,
            "python": platform.python_version(),
            "hdf5": h5py.version.hdf5_version,
            "git": _git_state(),
        },
        "parameters": {"command": sys.argv, **parameters},
        "environment": {
            "host": platform.node(),
            "platform": platform.platform(),
            "cpu": _cpu_name(),
            "cpu_features": _cpu_features(),
            "workers": workers,
            "job": _job(),
        },
        "resources": clock.resources(),
    }


def ended(made: Mapping[str, Any], clock: Clock, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the provenance of work that ends now, and went on from work with the provenance `before`."""
    earlier: list[Any] = []
    if before:
        earlier = [*before.get("earlier", ()), {key: before[key] for key in before if key != "earlier"}]
    return {**made, "resources": clock.resources(), **({"earlier": earlier} if earlier else {})}


def made_by(seconds: float) -> dict[str, Any]:
    """Return who made a part of a run, and how long it took, as plain JSON."""
    about = {"host": platform.node(), "process": os.getpid(), "job": _job()}
    return about | {"seconds": round(seconds, 3)}


def _job() -> dict[str, str]:
    return {name: os.environ[name] for name in JOB_VARIABLES if name in os.environ}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_state() -> str | None:
    """Return the commit that mcsgd runs from, "-dirty" if changed; None if it is installed otherwise."""
    package = Path(__file__).resolve().parents[1]
    try:
        top = _git(package, "rev-parse", "--show-toplevel")
        if Path(top) != package.parent:  # some other repository around an installed package
            return None
        return _git(package, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def _cpu_features() -> list[str]:
    extensions: dict[str, list[str]] = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore
    return [*extensions.get("baseline", []), *extensions.get("found", [])]
