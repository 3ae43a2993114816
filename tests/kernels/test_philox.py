import numpy as np
import pytest
from reference import philox, random_words

from mcsgd.kernels import philox as kernels
from mcsgd.kernels.jit import jit
from mcsgd.kernels.simd import load, splat, store

# The known answers published with Random123 (kat_vectors, philox4x32 10).
VECTORS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@jit
def eight_blocks(counters, keys, out):
    """Lane by lane: counters (4, 8), keys (2, 8), out (4, 8), flat."""
    c0, c1, c2, c3 = load(counters, 0), load(counters, 8), load(counters, 16), load(counters, 24)
    x0, x1, x2, x3 = kernels.philox4x32(c0, c1, c2, c3, load(keys, 0), load(keys, 8))
    store(out, 0, x0)
    store(out, 8, x1)
    store(out, 16, x2)
    store(out, 24, x3)


@jit
def eight_words(seed, streams, epoch, block, out):
    low, high = kernels.random_words(seed, load(streams, 0), epoch, block)
    store(out, 0, low)
    store(out, 8, high + splat(0))


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_published_vectors(counter, key, expected):
    assert philox(counter, key) == expected
    out = np.empty(32, np.int64)
    eight_blocks(np.repeat(counter, 8), np.repeat(key, 8), out)
    assert np.array_equal(out, np.repeat(expected, 8))


def test_lanes_are_independent():
    rng = np.random.default_rng(0)
    counters, keys = rng.integers(0, 2**32, (4, 8)), rng.integers(0, 2**32, (2, 8))
    out = np.empty(32, np.int64)
    eight_blocks(counters.ravel(), keys.ravel(), out)
    for lane in range(8):
        assert list(out.reshape(4, 8)[:, lane]) == philox(counters[:, lane].tolist(), keys[:, lane].tolist())


def test_counter_and_key_layout():
    seed, epoch = 0x0123456789ABCDEF, 7
    streams = 0x7EDCBA9876543210 + np.arange(8)
    for block in (0, 3):
        out = np.empty(16, np.int64)
        eight_words(seed, streams, epoch, block, out)
        for lane, stream in enumerate(streams.tolist()):
            words = random_words(seed, stream, epoch)
            expected = [next(words) for _ in range(2 * block + 2)][-2:]
            assert [int(w) % 2**64 for w in out.reshape(2, 8)[:, lane]] == expected
