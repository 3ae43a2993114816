"""One file of the parts of a run, wherever they were made."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from mcsgd.checks import Checks
from mcsgd.errors import FileFormatError, IncompleteError, InputError, McsgdWarning
from mcsgd.origin import Origin
from mcsgd.rows import Source
from mcsgd.run import Run
from mcsgd.storage.content import ROWS
from mcsgd.storage.holdings import Holdings
from mcsgd.storage.identity import check_same
from mcsgd.storage.output import check_run_output
from mcsgd.storage.parts import HEAD, POINTS, Parts
from mcsgd.storage.read import load_run, load_whole, read_head
from mcsgd.storage.shards import Shard, as_shard, open_shard, range_of

__all__ = ["merge"]

MOST_NAMED = 20
AT_ONCE = 2**16
"""Trajectories that are compared at once, where two parts have the same."""


def merge(
    target: str | os.PathLike[str], parts: Iterable[str | os.PathLike[str]] = (), tasks: int | None = None
) -> Run:
    """Make one file of the parts of a run, and return it; a file without parts is whole already.

    Parameters
    ----------
    target : path
        OUT.h5. What is there of the run already, and in OUT.h5.parts, is a part too; the latter is removed in
        the end.
    parts : paths
        Files of the same run, perhaps of fewer trajectories, shards, and directories of shards, in any order;
        one of them, or the target, says which run it is: a file of it, or head.h5 of its parts.
        They are left as they are. Trajectories that two of them have must be the same.
    tasks : int, optional
        Of so many tasks, those are named whose trajectories are missing.

    Raises
    ------
    InputError
        If a part does not exist, or there is neither a part nor a file.
    FileFormatError
        If a part is damaged, or of a newer version.
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
    own, sources, checks = Parts(path), [Path(part).expanduser().absolute() for part in parts], Checks()
    for i, part in enumerate(sources):
        if not part.exists():
            checks.fail(f"parts[{i}]", f"must be a file or a directory, got {part}, which does not exist")
    if tasks is not None:
        checks.integer("tasks", tasks, at_least=1)
    sources = [part for part in sources if not own.has(part)]
    if not sources and not own.folder.is_dir():
        if path.exists():
            return load_whole(path)
        checks.fail("parts", f"must be given, for there is no {own.folder}")
    checks.done()
    if (own.folder / POINTS).exists():
        text = f"must be a run; {own.folder} is of a study, which mcsgd study puts together (--tasks N)"
        raise InputError([("output", text)])
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
        holdings = Holdings(own, origin, list(_found([path, *sources], origin)))
        _check_complete(holdings, tasks)
        _check_overlaps([*holdings.others, *holdings.shards])
        blank = replace(head.cloud, rows=None, known_moments=None)
        holdings.finish(replace(head, cloud=blank), origin.settings.trajectories, head.stopped_by)
    return load_run(path)


def _heads(places: Sequence[Path]) -> Iterator[tuple[Path, Run]]:
    """Yield what says which run the parts are of."""
    for place in places:
        head = place / HEAD if place.is_dir() else place
        if head.is_file() and head.name == HEAD:
            yield place, read_head(head)
        elif head.is_file() and range_of(head) is None:
            yield place, load_run(head)


def _found(places: Sequence[Path], origin: Origin) -> Iterator[Shard]:
    """Yield all that the places have of the trajectories, every byte of which was read."""
    for place in places:
        if place.is_dir():
            for shard in sorted(path for path in place.glob("*.h5") if range_of(path)):
                yield open_shard(shard, origin)
        elif place.is_file() and range_of(place) is not None:
            yield open_shard(place, origin)
        elif place.is_file() and place.name != HEAD:
            yield as_shard(place, load_whole(place))


def _check_complete(holdings: Holdings, tasks: int | None) -> None:
    """Raise IncompleteError if trajectories are missing."""
    origin = holdings.origin
    gaps = holdings.missing(0, origin.settings.trajectories)
    if not gaps:
        return
    count = sum(stop - first for first, stop in gaps)
    named = ", ".join(f"{first} to {stop - 1}" for first, stop in gaps[:MOST_NAMED])
    more = f", and {len(gaps) - MOST_NAMED} more ranges" if len(gaps) > MOST_NAMED else ""
    text = f"{count} of {origin.settings.trajectories} trajectories are missing: {named}{more}"
    if tasks is not None:
        late = [str(k) for k in range(tasks) if holdings.missing(*origin.share(k, tasks))]
        text += f". Of {tasks} tasks, these are not done: {', '.join(late)}"
    raise IncompleteError(f"{text}. Nothing was merged")


def _check_overlaps(parts: Sequence[Shard]) -> None:
    """Warn of trajectories that two parts have, and raise FileFormatError if they are not the same."""
    ordered = sorted(parts, key=lambda part: part.first)
    furthest: Shard | None = None
    for part in ordered:
        if furthest is not None and furthest.stop > part.first:
            _compare(furthest, part)
        if furthest is None or part.stop > furthest.stop:
            furthest = part


def _compare(one: Shard, other: Shard) -> None:
    first, stop = other.first, min(one.stop, other.stop)
    both = f"{one.path} and {other.path} both have trajectories {first} to {stop - 1}"
    if not (_same_nodes(one, other) if one.rows is None else _same_rows(one, other, first, stop)):
        raise FileFormatError(f"{both}, and they are not the same")
    warnings.warn(f"{both}; they are the same", McsgdWarning, stacklevel=3)


def _same_rows(one: Shard, other: Shard, first: int, stop: int) -> bool:
    sources = cast(Source, one.rows), cast(Source, other.rows)
    for begin in range(first, stop, AT_ONCE):
        a, b = (source.part(begin, min(begin + AT_ONCE, stop)) for source in sources)
        if any(_bytes(getattr(a, name)) != _bytes(getattr(b, name)) for name in ROWS):
            return False
    return True


def _bytes(values: NDArray[Any] | None) -> bytes | None:
    return None if values is None else values.tobytes()


def _same_nodes(one: Shard, other: Shard) -> bool:
    """Whether moments of the same trajectories are the same; others cannot be compared."""
    known = {(node.first, node.stop): node.moments for node in one.nodes()}
    both = [(known.get((node.first, node.stop)), node.moments) for node in other.nodes()]
    return all(a is None or a.same(b) for a, b in both)
