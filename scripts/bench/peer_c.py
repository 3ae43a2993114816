"""Two of the works as a small C kernel with OpenMP, compiled by cc where there is one."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from works import Work

FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC")
BATCHES_OF_TRAJECTORIES = (16384,)


@cache
def _library() -> ctypes.CDLL | None:
    if shutil.which("cc") is None:
        return None
    target = Path(tempfile.mkdtemp()) / "peer.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["cc", *FLAGS, str(source), "-o", str(target), "-lm"], check=True)
    return ctypes.CDLL(str(target))


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def make_runner(work: Work, trajectories: int) -> Callable[[int], np.ndarray] | None:
    """Return run(seed) -> endpoints, or None where there is no such peer."""
    library = _library()
    if library is None or work.kind not in ("toy", "logistic"):
        return None
    problem = work.problem
    X, y = np.ascontiguousarray(problem.data[0]), np.ascontiguousarray(problem.data[1], float)
    out, start = np.empty((trajectories, problem.parameters)), np.array(work.start)
    eps, m = ctypes.c_double(work.settings.step_size), problem.batches

    def run(seed):
        where = (_pointer(X), _pointer(y), _pointer(start), eps)
        if work.kind == "toy":
            library.toy(ctypes.c_long(trajectories), m, *where, ctypes.c_uint64(seed), _pointer(out))
        else:
            size = (problem.batch_size, problem.parameters)
            rest = (ctypes.c_double(1e-3), ctypes.c_uint64(seed), _pointer(out))
            library.logistic(ctypes.c_long(trajectories), m, *size, *where, *rest)
        return out

    return run
