"""What tests of kept runs have in common: small runs whose shards are many, and a look at their bytes."""

import contextlib
import signal
from dataclasses import replace

import h5py
import pytest

from mcsgd import filling
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage.seal import LENGTH, seal

START = [1.2, 0.7]
SETTINGS = Settings(0.05, epochs=2, trajectories=5000, seed=3, snapshots=(1,), paths=40)
CONTROLLED = replace(SETTINGS, design="control-variate")
PAIRS = replace(SETTINGS, design="reversed-pairs")
MOMENTS = replace(SETTINGS, snapshots=())


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


def plain(toy, folder, settings=SETTINGS, **options):
    """The bytes of a run at once, in one block and one thread."""
    where = folder / "plain.h5"
    simulate(toy, START, settings, where, workers=1, block_size=10**6, **options)
    return bytes_of(where)


def shards(path):
    return sorted(path.with_name("run.h5.parts").glob("*-*.h5"))


def never(done, total):
    raise AssertionError("something was computed")


def interrupted(toy, path, after=2000, settings=SETTINGS, **options):
    """Begin a run, and let it be asked to end after some trajectories."""

    def interrupt(done, total):
        if done == after:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt) as caught:
        simulate(toy, START, settings, path, progress=interrupt, block_size=100, workers=1, **options)
    return str(caught.value)
