import pytest

from mcsgd.kernels.draws import GROUP
from mcsgd.pace import GROWTH, SECONDS, Fixed, Pace


def test_blocks_grow_to_take_a_good_time_and_no_faster():
    pace = Pace(GROUP, most=10**6, count=10**9, threads=2)
    assert pace.next() == GROUP
    pace.took(GROUP, SECONDS / 1000)
    assert pace.next() == GROWTH * GROUP
    pace.took(GROWTH * GROUP, 2 * SECONDS)
    assert pace.next() == GROWTH * GROUP // 2


def test_a_last_block_that_is_small_does_not_make_others_small():
    pace = Pace(1000 * GROUP, most=10**6, count=10**9, threads=1)
    pace.took(1000 * GROUP, SECONDS)
    for part in 1000, 10:
        pace.took(GROUP, SECONDS / part)
        assert pace.size == 1000 * GROUP
    pace.took(GROUP, 2 * SECONDS)
    assert pace.size == GROUP // 2


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9])
def test_blocks_are_whole_groups_between_one_and_the_most(seconds):
    pace = Pace(1000, most=3 * GROUP + 1, count=10**9, threads=1)
    for _ in range(5):
        pace.took(pace.next(), seconds)
        assert pace.next() == (GROUP if seconds > 1 else 3 * GROUP)


@pytest.mark.parametrize("threads", [2, 3, 64])
@pytest.mark.parametrize("count", [1, 1000, 10**6])
def test_blocks_shrink_towards_the_end_such_that_no_thread_waits_long(count, threads):
    pace, left, sizes = Pace(10**7, most=10**7, count=count, threads=threads), count, []
    while left:
        sizes.append(min(pace.next(), left))
        pace.begun(sizes[-1])
        left -= sizes[-1]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= max(count / 3 / threads, GROUP)
    assert min(sizes[:-1], default=GROUP) >= min(count / 16 / threads - GROUP, GROUP)
    assert len(sizes) < 20 * threads


def test_one_thread_waits_for_no_other():
    pace = Pace(640, most=10**6, count=1000 * GROUP, threads=1)
    sizes, left = [], 1000 * GROUP
    while left:
        sizes.append(min(pace.next(), left))
        pace.begun(sizes[-1])
        left -= sizes[-1]
    assert len(sizes) == 25
    assert min(sizes) >= 640 - GROUP


def test_size_that_was_asked_for_stays():
    pace = Fixed(7)
    pace.took(7, 1e-6)
    pace.begun(7)
    assert pace.next() == 7
