"""One file of the parts of a run, wherever they were made."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from mcsgd.checks import Checks
from mcsgd.ensemble import Origin
from mcsgd.errors import FileFormatError, IncompleteError, InputError, McsgdWarning
from mcsgd.moments import Node
from mcsgd.rows import Source
from mcsgd.run import Run
from mcsgd.storage.identity import check_same
from mcsgd.storage.nodes import nodes_of
from mcsgd.storage.output import PARTS, check_run_output
from mcsgd.storage.parts import Parts, Span, missing
from mcsgd.storage.read import load
from mcsgd.storage.seal import broken_seal
from mcsgd.storage.shards import Shard, open_shard, range_of
from mcsgd.storage.write import write_run

__all__ = ["merge"]

MOST_NAMED = 20
AT_ONCE = 2**16
"""Trajectories that are compared at once, where two parts have the same."""


@dataclass(frozen=True, eq=False)
class _Piece:
    """Trajectories first..stop - 1 in a file: a whole run, or a shard."""

    path: Path
    rows: Source | None
    nodes: Sequence[Node]

    @property
    def spans(self) -> list[Span]:
        if self.rows is not None:
            return [(self.rows.first, self.rows.stop)]
        return [(node.first, node.stop) for node in self.nodes]


def merge(
    target: str | os.PathLike[str], parts: Iterable[str | os.PathLike[str]] = (), tasks: int | None = None
) -> Run:
    """Make one file of the parts of a run, and return it.

    Parameters
    ----------
    target : path
        OUT.h5. What is there of the run already, and in OUT.h5.parts, is a part too; the latter is removed in
        the end.
    parts : paths
        Files of the same run, perhaps of fewer trajectories, shards, and directories of shards, in any order.
        They are left as they are. Trajectories that two of them have must be the same.
    tasks : int, optional
        Of so many tasks, those are named whose trajectories are missing.

    Raises
    ------
    InputError
        If a part does not exist, or there is none.
    FileFormatError
        If a part is damaged.
    OutputExistsError
        If a part, or the target, is of another run.
    IncompleteError
        If trajectories are missing; the message says which.
    BusyError
        If a process works on the target.
    WriteError
        If the file cannot be written.
    """
    path = check_run_output(target, "output")
    sources = [Path(part).expanduser().absolute() for part in parts]
    checks = Checks()
    for i, part in enumerate(sources):
        if not part.exists():
            checks.fail(f"parts[{i}]", f"must be a file or a directory, got {part}, which does not exist")
    own = Parts(path)
    if not sources and not own.folder.is_dir():
        checks.fail("parts", f"must be given, for there is no {own.folder}")
    checks.done()
    with own.locked():
        heads = list(_heads([path, own.folder, *sources]))
        if not heads:
            raise InputError(
                [("parts", "must have a run, or its head.h5, which says what the shards are of")]
            )
        head = max((run for _, run in heads), key=lambda run: (run.cloud.count, len(run.flows)))
        for where, run in heads:
            check_same(where, run, head)
        origin = head.cloud.origin
        shards = own.shards(origin)
        pieces = [_of_shard(shard) for shard in shards] + list(_pieces([path, *sources], origin))
        _check_complete(pieces, origin, tasks)
        _check_overlaps(pieces)
        tree = None
        if origin.kept != "cloud":
            tree = origin.tree(_usable(pieces, origin))
        rows = [piece.rows for piece in pieces if piece.rows is not None]
        made = {"shards": [dict(shard.made) for shard in shards]}
        blank = replace(head.cloud, rows=None, known_moments=None)
        run = replace(head, cloud=blank, provenance=dict(head.provenance) | made)
        write_run(path, run, rows, tree, replace=path.exists(), folder=own.folder)
        own.remove(shard for shard in shards if shard.stop <= origin.settings.trajectories)
    return load(path)


def _heads(places: Sequence[Path]) -> Iterator[tuple[Path, Run]]:
    """Yield what says which run the parts are of."""
    for place in places:
        if place.is_dir():
            head = Parts(place.with_suffix("")).head() if place.suffix == PARTS else None
            yield from [(place, head)] if head is not None else []
        elif place.is_file() and range_of(place) is None:
            yield place, load(place)


def _pieces(places: Sequence[Path], origin: Origin) -> Iterator[_Piece]:
    """Yield all that the places have of the trajectories, every byte of which was read."""
    for place in places:
        if place.is_dir():
            for shard in sorted(path for path in place.glob("*.h5") if range_of(path)):
                yield _of_shard(open_shard(shard, origin))
        elif place.is_file() and range_of(place) is not None:
            yield _of_shard(open_shard(place, origin))
        elif place.is_file():
            reason = broken_seal(place)
            if reason:
                raise FileFormatError(f"{place} is damaged: {reason}")
            nodes = nodes_of(place) if origin.kept != "cloud" else ()
            yield _Piece(place, load(place).cloud.rows, nodes)


def _of_shard(shard: Shard) -> _Piece:
    return _Piece(shard.path, shard.rows, shard.nodes)


def _check_complete(pieces: Sequence[_Piece], origin: Origin, tasks: int | None) -> None:
    """Raise IncompleteError if trajectories are missing."""
    if origin.kept != "cloud":
        spans = [(node.first, node.stop) for node in _usable(pieces, origin)]
    else:
        spans = [span for piece in pieces for span in piece.spans]
    gaps = missing(spans, 0, origin.settings.trajectories)
    if not gaps:
        return
    count = sum(stop - first for first, stop in gaps)
    named = ", ".join(f"{first} to {stop - 1}" for first, stop in gaps[:MOST_NAMED])
    more = f", and {len(gaps) - MOST_NAMED} more ranges" if len(gaps) > MOST_NAMED else ""
    text = f"{count} of {origin.settings.trajectories} trajectories are missing: {named}{more}"
    if tasks is not None:
        shares = [origin.share(k, tasks) for k in range(tasks)]
        late = [str(k) for k, share in enumerate(shares) if missing(spans, *share)]
        text += f". Of {tasks} tasks, these are not done: {', '.join(late)}"
    raise IncompleteError(f"{text}. Nothing was merged")


def _check_overlaps(pieces: Sequence[_Piece]) -> None:
    """Warn of trajectories that two parts have, and raise FileFormatError if they are not the same."""
    ordered = sorted((piece for piece in pieces if piece.rows), key=lambda piece: piece.spans[0])
    furthest = None
    for piece in ordered:
        if furthest is not None and furthest.spans[0][1] > piece.spans[0][0]:
            _compare(furthest, piece)
        if furthest is None or piece.spans[0][1] > furthest.spans[0][1]:
            furthest = piece


def _compare(one: _Piece, other: _Piece) -> None:
    first, stop = other.spans[0][0], min(one.spans[0][1], other.spans[0][1])
    both = f"{one.path} and {other.path} both have trajectories {first} to {stop - 1}"
    sources = cast(Source, one.rows), cast(Source, other.rows)
    for begin in range(first, stop, AT_ONCE):
        a, b = (source.part(begin, min(begin + AT_ONCE, stop)) for source in sources)
        if a.endpoints.tobytes() != b.endpoints.tobytes():
            raise FileFormatError(f"{both}, and they are not the same")
    warnings.warn(f"{both}; they are the same", McsgdWarning, stacklevel=3)


def _usable(pieces: Iterable[_Piece], origin: Origin) -> list[Node]:
    """Return the moments of whole leaves, or to the last trajectory."""
    n = origin.settings.trajectories
    nodes = [node for piece in pieces for node in piece.nodes]
    return [node for node in nodes if (node.stop - node.first) % origin.leaf == 0 or node.stop == n]
