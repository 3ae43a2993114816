import pytest

from mcsgd.rows import missing


@pytest.mark.parametrize(
    ("first", "stop", "expected"),
    [
        (0, 100, [(0, 10), (30, 50), (60, 100)]),
        (10, 30, []),
        (20, 55, [(30, 50)]),
        (70, 80, [(70, 80)]),
        (0, 0, []),
        (5, 5, []),
        (100, 100, []),
    ],
)
def test_missing(first, stop, expected):
    assert missing([(50, 60), (10, 20), (10, 30)], first, stop) == expected
