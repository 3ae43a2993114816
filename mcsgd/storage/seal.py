"""A checksum behind the end of an HDF5 file, where HDF5 does not look: it covers every byte before it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["broken_seal", "is_sealed", "seal", "seal_of"]

MARK = b"\nmcsgd sha256 "
LENGTH = len(MARK) + 64 + 1
BLOCK = 2**20


def seal_of(content: bytes) -> bytes:
    """Return the seal of a file's content, to be written behind it."""
    return _text(hashlib.sha256(content))


def seal(path: Path) -> None:
    """Seal a file that was just written."""
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256")
        file.seek(0, os.SEEK_END)
        file.write(_text(digest))


def is_sealed(path: Path) -> bool:
    """Whether a file ends with a seal, right or wrong."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - LENGTH, 0))
        return file.read().startswith(MARK)


def broken_seal(path: Path) -> str:
    """Return what is wrong with a sealed file, or nothing. Reads the whole file."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        left = max(size - LENGTH, 0)
        file.seek(left)
        found = file.read()
        if not found.startswith(MARK):
            return "it has no checksum at its end: it was cut short, or changed since it was written"
        file.seek(0)
        digest = hashlib.sha256()
        while left:
            block = file.read(min(left, BLOCK))
            digest.update(block)
            left -= len(block)
    return "" if found == _text(digest) else "its bytes do not have the checksum at its end"


def _text(digest: hashlib._Hash) -> bytes:
    return MARK + digest.hexdigest().encode() + b"\n"
