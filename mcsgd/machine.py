"""What this process may use of the machine."""

from __future__ import annotations

import os

__all__ = ["allotted_threads", "available_cores", "memory_bytes"]


def available_cores() -> int:
    """Return the number of cores this process may use (of a cluster job: its allocation)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _positive("SLURM_CPUS_PER_TASK") or cores)


def allotted_threads() -> int:
    """Return the threads for one of several processes on a machine: what its job says, or one."""
    return _positive("SLURM_CPUS_PER_TASK") or _positive("OMP_NUM_THREADS") or 1


def _positive(variable: str) -> int:
    """Return a number from the environment, or 0 if it is not there."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0


def memory_bytes() -> int:
    """Return the size of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
