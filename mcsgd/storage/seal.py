"""A checksum behind the end of an HDF5 file, where HDF5 does not look: it covers every byte before it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["broken_seal", "seal", "sealed"]

MARK = b"\nmcsgd sha256 "
LENGTH = len(MARK) + 64 + 1
BLOCK = 2**20


def sealed(content: bytes) -> bytes:
    """Return the content of a file with its seal."""
    return content + _seal_of(hashlib.sha256(content))


def seal(path: Path) -> None:
    """Seal a file that was just written."""
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256")
        file.seek(0, os.SEEK_END)
        file.write(_seal_of(digest))


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
    return "" if found == _seal_of(digest) else "its bytes do not have the checksum at its end"


def _seal_of(digest: hashlib._Hash) -> bytes:
    return MARK + digest.hexdigest().encode() + b"\n"
