"""How many trajectories the next block has, from how long those before took."""

from __future__ import annotations

import math

from mcsgd.kernels.draws import GROUP

__all__ = ["Pace"]

SECONDS = 0.2
"""Of a block: progress and the end of a run wait for it; trajectories of a large one meet at more batches."""
GROWTH = 8
"""A block is at most so many times as large as the one that was timed."""
LARGEST, SMALLEST = 3, 16
"""Parts for each thread: of what is left, the most that a block has; of all there is to do, the least."""


class Pace:
    """Sizes of blocks: of a good time each, and smaller towards the end, so that no thread waits long.

    Parameters
    ----------
    first : int
        Trajectories of the first block.
    most : int
        Of any block.
    count : int
        Of all blocks.
    threads : int
        That take them.
    """

    def __init__(self, first: int, most: int, count: int, threads: int) -> None:
        self.most = most
        self._size = float(first)
        self._left, self._threads = count, threads
        self._least = count / (SMALLEST * threads)

    def next(self) -> int:
        """Return how many trajectories the next block has at most: whole groups."""
        size = min(self._size, self.most)
        if self._threads > 1:
            size = min(size, max(self._left / (LARGEST * self._threads), self._least))
        elif size < self._left:  # all the same, so that no small one is left for the end
            size = min(self._left / math.ceil(self._left / size) + GROUP, self.most)
        return max(int(size) // GROUP * GROUP, GROUP)

    @property
    def size(self) -> int:
        """How many trajectories take a good time, as far as is known."""
        return int(self._size)

    def begun(self, trajectories: int) -> None:
        """Note that a block of so many has been given away."""
        self._left -= trajectories

    def took(self, trajectories: int, seconds: float) -> None:
        """Note how long a block took."""
        if trajectories < self._size / 2 and seconds < SECONDS:
            return  # cut short by the end: what each block takes anyway is too large a part of it
        most = max(GROWTH * trajectories, self._size)
        self._size = min(trajectories * SECONDS / max(seconds, 1e-9), most)


class Fixed(Pace):
    """Blocks of a given size."""

    def __init__(self, size: int) -> None:
        super().__init__(size, size, 0, 1)

    def next(self) -> int:
        """Return the size."""
        return self.most

    def took(self, trajectories: int, seconds: float) -> None:
        """Do nothing."""
