"""What this process may use of the machine."""

from __future__ import annotations

import os

__all__ = ["available_cores", "memory_bytes"]


def available_cores() -> int:
    """Return the number of cores this process may run on (of a cluster job: its allocation)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the size of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
