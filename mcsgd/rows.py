"""What is kept of consecutive trajectories: in memory, or in a file read when it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Span: TypeAlias = tuple[int, int]
"""(first, stop) of trajectories first..stop - 1."""

__all__ = ["Kept", "Rows", "Source", "Span", "joined", "missing", "pieces"]


class Source(Protocol):
    """Something that has trajectories first, first + 1, ..., stop - 1."""

    @property
    def first(self) -> int:
        """Index of the first trajectory."""

    @property
    def stop(self) -> int:
        """Index after the last trajectory."""

    def part(self, first: int, stop: int) -> Rows:
        """Return some of the trajectories, in memory."""


class Kept(Source, Protocol):
    """A source whose arrays can be had whole; `Rows` says what they are."""

    @property
    def endpoints(self) -> Array: ...  # noqa: D102
    @property
    def status(self) -> NDArray[np.uint8]: ...  # noqa: D102
    @property
    def snapshots(self) -> Array: ...  # noqa: D102
    @property
    def paths(self) -> Array: ...  # noqa: D102
    @property
    def corrected(self) -> Array | None: ...  # noqa: D102
    @property
    def is_corrected(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Rows:
    """Trajectories first, first + 1, ..., in memory.

    Attributes
    ----------
    first : int
    endpoints : (n, d)
        NaN where the trajectory diverged.
    status : (n,) uint8
        0 finished, 1 diverged.
    snapshots : (n, epochs kept, d)
    paths : (p, steps + 1, d)
        Every step of the first of them, where these are among the first of the run that paths are kept of.
    corrected : (n, d) or None
        Endpoints less their control variate, where there is one.
    """

    first: int
    endpoints: Array
    status: NDArray[np.uint8]
    snapshots: Array
    paths: Array
    corrected: Array | None = None

    @classmethod
    def empty(cls, first: int, stop: int, parameters: int, snapshots: int, paths: int, points: int) -> Rows:
        """Return room for trajectories; of the run's first `paths`, room for so many points of a path."""
        n, p = stop - first, max(min(stop, paths) - first, 0)
        return cls(
            first,
            np.empty((n, parameters)),
            np.empty(n, np.uint8),
            np.empty((n, snapshots, parameters)),
            np.empty((p, points, parameters)),
        )

    @property
    def stop(self) -> int:
        """Index after the last trajectory."""
        return self.first + len(self.endpoints)

    @property
    def is_corrected(self) -> bool:
        """Whether there are corrected endpoints."""
        return self.corrected is not None

    def part(self, first: int, stop: int) -> Rows:
        """Return some of the trajectories, sharing memory."""
        some = slice(first - self.first, stop - self.first)
        corrected = None if self.corrected is None else self.corrected[some]
        arrays = self.endpoints[some], self.status[some], self.snapshots[some], self.paths[some]
        return Rows(first, *arrays, corrected)


def joined(parts: Sequence[Rows]) -> Rows:
    """Return parts that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    corrected = [part.corrected for part in parts if part.corrected is not None]
    return Rows(
        parts[0].first,
        np.concatenate([part.endpoints for part in parts]),
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.snapshots for part in parts]),
        np.concatenate([part.paths for part in parts]),
        np.concatenate(corrected) if corrected else None,
    )


def pieces(sources: Sequence[Source], first: int, stop: int, size: int) -> Iterator[Rows]:
    """Yield trajectories first..stop - 1 in pieces that end at multiples of `size`.

    Each trajectory is taken from the first of the sources that has it; together they have all.
    """
    while first < stop:
        end, found = min((first // size + 1) * size, stop), []
        while first < end:
            source = next(s for s in sources if s.first <= first < s.stop)
            found.append(source.part(first, min(end, source.stop)))
            first = found[-1].stop
        yield joined(found)


def missing(spans: Sequence[Span], first: int, stop: int) -> list[Span]:
    """Return the ranges within first..stop - 1 that none of the spans has."""
    gaps = []
    for begin, end in sorted(spans):
        if first >= stop:
            break
        if begin > first:
            gaps.append((first, min(begin, stop)))
        first = max(first, end)
    if first < stop:
        gaps.append((first, stop))
    return gaps
