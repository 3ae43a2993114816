"""What there is of a run in its file and in the parts beside it, and the note that it was begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mcsgd.errors import FileFormatError, InputError
from mcsgd.origin import Origin
from mcsgd.run import Run
from mcsgd.storage.holdings import Holdings
from mcsgd.storage.identity import check_same
from mcsgd.storage.parts import HEAD, Parts
from mcsgd.storage.read import load_whole
from mcsgd.storage.shards import as_shard

__all__ = ["holdings_of", "note", "run_begun", "run_there"]


def run_there(target: Path, blank: Run) -> Run | None:
    """Return the run that is at the target, every byte of which was read, if any is."""
    if not target.exists():
        return None
    try:
        run = load_whole(target)
    except FileFormatError as error:
        raise FileFormatError(f"{error}. It was not touched") from None
    check_same(target, run, blank)
    return run


def run_begun(parts: Parts, wanted: Run) -> Run | None:
    """Return what there is in the parts of the run before its trajectories, if it was begun."""
    parts.check_kind(HEAD)
    begun = parts.head()
    if begun is not None:
        check_same(parts.folder, begun, wanted)
    return begun


def note(parts: Parts, head: Run, again: bool = False) -> None:
    """Note in the parts what they are of, if nothing is noted; `again`: also if it was less, or other flows.

    What another process has begun since we looked is refused, before its shards are looked at.
    """
    with parts.beginning():
        begun = run_begun(parts, head)
        if begun is None or (again and not _same_head(begun, head)):
            parts.write_head(head)


def _same_head(one: Run, other: Run) -> bool:
    return one.experiment == other.experiment and list(one.flows) == list(other.flows)


def holdings_of(parts: Parts, origin: Origin, there: Run | None, task: tuple[int, int] | None) -> Holdings:
    """Return what is done; its origin has the trajectories that are wanted, or more if a file has them."""
    wanted = origin.settings.trajectories
    most = max((stop for _, stop in parts.spans.values()), default=0)
    there_is_enough = there is not None and there.cloud.count >= wanted
    if there is not None:
        wanted = max(wanted, there.cloud.count)
    if most > wanted and not there_is_enough:
        message = f"must be at least {most}, for {parts.folder} has as many; got {wanted}"
        raise InputError([("trajectories", message)])
    origin = replace(origin, settings=replace(origin.settings, trajectories=wanted))
    others = [] if there is None else [as_shard(parts.target, there)]
    return Holdings(parts, origin, others, None if task is None else origin.share(*task))
