"""Write a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcsgd.errors import InputError
from mcsgd.moments import MomentsTree, Node
from mcsgd.rows import Source
from mcsgd.run import Run
from mcsgd.storage.ahead import Ahead
from mcsgd.storage.content import write_head_content, write_moments_content
from mcsgd.storage.draft import drafted
from mcsgd.storage.output import new_file
from mcsgd.storage.seal import seal
from mcsgd.storage.sink import written

__all__ = ["write_head", "write_run"]


def write_run(
    path: Path,
    run: Run,
    sources: Sequence[Source] = (),
    tree: MomentsTree | None = None,
    replace: bool = False,
    folder: Path | None = None,
    ahead: Ahead | None = None,
) -> None:
    """Write a run to a new file; it appears under its name when it is complete.

    The trajectories are those of `sources`, which together have all of them, in any order, and are read part
    by part; or of `tree`, if moments alone were kept. By default, those of the run. `replace` and `folder`
    are as for `new_file`; `ahead` is what was written of it before.

    Raises
    ------
    InputError
        If trajectories are left out of the cloud: a file holds them all.
    OutputExistsError
        If there is something at `path`, and `replace` is not set.
    WriteError
        If it cannot be written.
    """
    if run.cloud.left_out:
        raise InputError(
            [("cloud", f"must be whole, got one with {run.cloud.left_out} trajectories left out")]
        )
    if tree is None and not sources:
        rows, moments, n = run.cloud.rows, run.cloud.moments, run.cloud.count
        sources = [] if rows is None else [rows]
        tree = MomentsTree(run.cloud.origin.leaf, [Node(0, n, moments)]) if rows is None else None
    with new_file(path, replace, folder) as temporary:
        if tree is not None:
            with written(temporary) as (file, _):
                write_moments_content(file, run, tree)
        elif ahead is None or not ahead.complete(run, sources, temporary):
            with drafted(temporary, run) as draft:
                draft.complete(run, sources)
        seal(temporary)


def write_head(path: Path, run: Run) -> None:
    """Write what there is of a run before its trajectories, in the place of what was there."""
    with new_file(path, replace=True) as temporary:
        with written(temporary) as (file, _):
            write_head_content(file, run)
        seal(temporary)
