"""What tests of kept runs have in common: small runs whose shards are many, and a look at their bytes."""

import contextlib

import h5py

from mcsgd import filling
from mcsgd.storage.seal import LENGTH, seal


def bytes_of(path):
    """Shape and bytes of every dataset with trajectories or statistics."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not item.is_scale and not name.startswith("flows"):
            found[name] = item.shape, item[()].tobytes()

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


@contextlib.contextmanager
def many_shards():
    """Write a shard after every block."""
    before = filling.FIRST_SHARD, filling.SHARE
    filling.FIRST_SHARD = filling.SHARE = 0.0
    try:
        yield
    finally:
        filling.FIRST_SHARD, filling.SHARE = before


def flip(path, bit):
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def make_newer(path, **versions):
    """Make a file one that a newer version has written, with its checksum."""
    path.write_bytes(path.read_bytes()[:-LENGTH])
    with h5py.File(path, "r+") as file:
        file.attrs.update(versions)
    seal(path)
