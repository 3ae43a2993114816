"""A lock on a directory that several processes, perhaps of several machines, may work in."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mcsgd.errors import BusyError, WriteError

__all__ = ["alone", "locked"]

PATIENCE, LONG = 0.5, 60.0
"""Seconds that a lock is tried for: one held for as long as there is work, and one held for a moment."""
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def locked(folder: Path, task: str = "") -> Iterator[None]:
    """Hold a directory, made if needed: the whole of it, or beside other tasks, as the only one of this name.

    The lock ends with the process, however it ends. On file systems without locks there is none: no harm
    comes of that, for all files of a run appear whole and two processes write the same, but work may be done
    twice.

    Raises
    ------
    BusyError
        If another process holds it; the message names host and process.
    WriteError
        If there is no directory, and none can be made.
    """
    names = [("run.lock", fcntl.LOCK_SH if task else fcntl.LOCK_EX)]
    names += [(f"task-{task}.lock", fcntl.LOCK_EX)] if task else []
    handles: list[int] = []
    try:
        try:
            for name, kind in names:
                handles.append(_acquire(folder, name, kind))
        except OSError as error:
            raise WriteError(f"{folder} could not be locked: {error}") from error
        yield
    finally:
        if task and len(handles) > 1:
            (folder / names[1][0]).unlink(missing_ok=True)
        for handle in reversed(handles):
            os.close(handle)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Do something in a directory, in a moment, that no other process does meanwhile: they wait.

    Beside `locked`, which its caller holds.

    Raises
    ------
    BusyError
        If it takes others too long.
    WriteError
        As `locked`.
    """
    try:
        handle = _acquire(folder, "moment.lock", fcntl.LOCK_EX, LONG)
    except OSError as error:
        raise WriteError(f"{folder} could not be locked: {error}") from error
    try:
        yield
    finally:
        os.close(handle)


def _acquire(folder: Path, name: str, kind: int, patience: float = PATIENCE) -> int:
    """Open and lock a file, and write who holds it; again, if it was removed in between.

    A process that was killed while it started another one leaves its lock to that, for a moment: so a lock
    that is held is tried for a while.
    """
    end = time.monotonic() + patience
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another process has just removed the directory
            continue
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                os.close(handle)
                if time.monotonic() < end:
                    time.sleep(PATIENCE / 50)
                    continue
                raise BusyError(f"{folder} is in use by {_holders(folder)}; nothing was touched") from None
        if _same(handle, folder / name):
            break
        os.close(handle)
    if kind == fcntl.LOCK_EX:
        with suppress(OSError):  # on a full disk, others are not told who has it
            os.truncate(handle, 0)
            os.pwrite(handle, json.dumps({"host": platform.node(), "process": os.getpid()}).encode(), 0)
    return handle


def _same(handle: int, path: Path) -> bool:
    """Whether a file still has its name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _holders(folder: Path) -> str:
    """Name the processes that hold a lock here, tasks before the whole."""
    found = [holder for path in sorted(folder.glob("task-*.lock")) if (holder := _holder(path))]
    return ", ".join(found) or _holder(folder / "run.lock") or "another process"


def _holder(path: Path) -> str:
    """Name who holds a lock, or return nothing if nobody does."""
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                about = json.load(file)
                return f"process {about['process']} on {about['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return ""
