"""Files that appear whole or not at all, and never in place of another unless that is meant."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mcsgd.errors import InputError, McsgdError, OutputExistsError, WriteError

__all__ = ["PARTS", "check_output", "check_run_output", "new_file", "sync", "temporary_name"]

PARTS = ".parts"
"""What the directory beside a run's file adds to its name."""


def check_output(
    path: str | os.PathLike[str],
    argument: str = "path",
    replace: bool = False,
    size: int = 0,
    instead: str = "",
) -> Path:
    """Say, before anything is computed, whether a file can be made at `path`; touch nothing.

    Directories that do not exist yet are made by `new_file`. `replace` allows a file to be there; `size`
    is how many bytes it will have, and `instead` says how one allows that.

    Raises
    ------
    OutputExistsError
        If something is there.
    InputError
        If nothing can be made there.
    """
    target = Path(path).expanduser().absolute()
    if os.path.lexists(target) and not (replace and target.is_file()):
        also = f", or {instead}" if instead and target.is_file() else ""
        raise OutputExistsError(f"{argument}: {target} exists; it was not touched. Choose another name{also}")
    folder = _existing(target.parent)
    try:
        longest = os.pathconf(folder, "PC_NAME_MAX")
        for name in target.relative_to(folder).parts:
            if len(os.fsencode(name)) > longest:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"must be in a directory one can write to, got {target}: {error.strerror}"
        raise InputError([(argument, message)]) from None
    free = shutil.disk_usage(folder).free
    if size > free:
        message = f"must be where {size / 2**20:.0f} MiB are free, got {target}, with {free / 2**20:.0f} MiB"
        raise InputError([(argument, message)])
    return target


def check_run_output(path: str | os.PathLike[str], argument: str = "path") -> Path:
    """Say the same of a run's file, which may be there, and of the directory of its parts.

    Where `path` is a link, what it leads to is returned: so the link stays, and the run has one lock.
    """
    target = check_output(os.path.realpath(Path(path).expanduser()), argument, replace=True)
    longest = os.pathconf(_existing(target.parent), "PC_NAME_MAX")
    if len(os.fsencode(target.name + PARTS)) > longest:
        message = f"must have a name of at most {longest - len(PARTS)} bytes, got {target}: {PARTS} is added"
        raise InputError([(argument, message)])
    return target


def _existing(folder: Path) -> Path:
    """Return the nearest directory above that there is."""
    while not os.path.exists(folder):  # Path.exists raises where a name is too long
        folder = folder.parent
    return folder


@contextmanager
def new_file(path: Path, replace: bool = False, folder: Path | None = None) -> Iterator[Path]:
    """Give a temporary path in the same directory; move it to `path` when the block has ended well.

    The file is on the disk before it gets its name. If the block fails, it is removed. `folder` is where the
    temporary file stands, on the same file system; by default the directory of `path`.

    Raises
    ------
    OutputExistsError
        If something came to be at `path` meanwhile, and `replace` is not set. That is not touched,
        and the new file is kept under another name, which the message tells.
    WriteError
        If it cannot be written.
    """
    temporary = temporary_name(folder or path.parent)
    try:
        for parent in (path.parent, temporary.parent):
            parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        if replace:
            os.replace(temporary, path)
        else:
            _name(temporary, path)
        sync(path.parent)
    except McsgdError:
        raise
    except (OSError, RuntimeError) as error:  # HDF5 raises both
        raise WriteError(f"{path} could not be written: {error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def temporary_name(folder: Path) -> Path:
    """Return a new name for a file that is not complete."""
    return folder / f".{uuid.uuid4().hex}.tmp"


def _name(temporary: Path, path: Path) -> None:
    """Give the file its name: by a hard link, which unlike a rename refuses to replace another file."""
    try:
        os.link(temporary, path)
    except OSError:  # it exists, or the file system has no hard links
        if os.path.lexists(path):
            aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
            os.replace(temporary, aside)
            message = f"{path} came to exist meanwhile; it was not touched, and this result is in {aside}"
            raise OutputExistsError(message) from None
        os.replace(temporary, path)


def sync(path: Path) -> None:
    """Bring a file, or a directory's names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
