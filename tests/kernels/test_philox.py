import numpy as np
import pytest

from mcsgd.kernels.philox import philox4x32, random_words

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


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_published_vectors(counter, key, expected):
    words = philox4x32(*[np.uint64(x) for x in counter + key])
    assert [int(x) for x in words] == expected


def test_counter_and_key_layout():
    seed, trajectory, epoch, block = 0x0123456789ABCDEF, 0xFEDCBA9876543210, 7, 3
    parts = [trajectory & 0xFFFFFFFF, trajectory >> 32, epoch, block, seed & 0xFFFFFFFF, seed >> 32]
    x = [int(v) for v in philox4x32(*[np.uint64(p) for p in parts])]
    words = random_words(np.uint64(seed), np.uint64(trajectory), epoch, block)
    assert [int(w) for w in words] == [x[0] | x[1] << 32, x[2] | x[3] << 32]
