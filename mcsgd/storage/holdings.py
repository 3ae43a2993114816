"""What is done of a run, wherever it is: in its file, in shards, in memory, or in files that are merged."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcsgd.moments import MomentsTree, Node
from mcsgd.origin import Content, Origin
from mcsgd.rows import Rows, Source, Span, missing
from mcsgd.run import Run
from mcsgd.storage.ahead import Ahead
from mcsgd.storage.parts import Parts
from mcsgd.storage.schema import FORMAT, SHARD
from mcsgd.storage.shards import Shard, open_shard
from mcsgd.storage.write import write_run

__all__ = ["Holdings"]


class Holdings:
    """Trajectories of a run that are done.

    Parameters
    ----------
    parts : Parts
        The shards in its directory are had already.
    origin : Origin
        With as many trajectories as are wanted.
    others : sequence of Shard
        What is had elsewhere: the run's file, or parts of the run that are to be merged.
    span : (first, stop), optional
        Of the shards, look at those with any of these trajectories only.
    """

    def __init__(
        self, parts: Parts, origin: Origin, others: Sequence[Shard] = (), span: Span | None = None
    ) -> None:
        self.parts, self.origin = parts, origin
        self.others, self.shards = list(others), list[Shard]()
        self._nodes: list[Node] = []
        self._of_files = [node for one in others if one.kind == FORMAT for node in one.nodes()]
        """Not merged with what is beyond: the moments of a file's trajectories are had whatever follows."""
        self._merge(one for one in others if one.kind == SHARD)
        self.add(parts.shards(origin, *(span or (0, sys.maxsize))))
        self.contents: list[Content] = []
        """What is in memory only."""

    @property
    def spans(self) -> list[Span]:
        """The ranges of trajectories that are done."""
        if self.origin.kept == "cloud":
            return [(source.first, source.stop) for source in self.sources]
        return [(node.first, node.stop) for node in self.nodes]

    @property
    def sources(self) -> list[Source]:
        """The trajectories, the nearest at hand first."""
        found: list[Source] = [rows for rows in self.contents if isinstance(rows, Rows)]
        return found + [one.rows for one in (*self.others, *self.shards) if one.rows is not None]

    @property
    def nodes(self) -> list[Node]:
        """The moments of whole leaves, or to the last trajectory that is wanted."""
        found = [node for nodes in self.contents if isinstance(nodes, list) for node in nodes]
        found += self._of_files + self._nodes
        leaf, last = self.origin.leaf, self.origin.settings.trajectories
        return [node for node in found if (node.stop - node.first) % leaf == 0 or node.stop == last]

    def add(self, shards: Iterable[Shard]) -> None:
        """Take shards of the directory to what is done."""
        new = list(shards)
        self.shards += new
        self._merge(new)

    def _merge(self, shards: Iterable[Shard]) -> None:
        """Take in the moments of shards, merged: there may be many of them, of many parameters."""
        for shard in shards:
            self._nodes = self.origin.tree([*self._nodes, *shard.nodes()]).nodes

    def missing(self, first: int, stop: int) -> list[Span]:
        """Return the ranges within first..stop - 1 that are not done."""
        return missing(self.spans, first, stop)

    def tree(self, n: int) -> MomentsTree:
        """Return the moments that are had of trajectories before n, where moments alone are kept."""
        return self.origin.tree(node for node in self.nodes if node.stop <= n)

    def keep(self, made: Mapping[str, Any], beyond: int = 0) -> None:
        """Write to shards what is in memory only; `beyond`: only what reaches beyond so many trajectories."""
        kept = [content for content in self.contents if _stop(content) > beyond]
        self.contents = [content for content in self.contents if _stop(content) <= beyond]
        written = (self.parts.add(self.origin, content, made) for content in kept)
        self.add(open_shard(path, self.origin, just_written=True) for path in written)

    def finish(self, head: Run, n: int, stopped_by: str, ahead: Ahead | None = None) -> None:
        """Write the run's file, of the first n trajectories, and remove the shards that are in it.

        `ahead` is what was written of it before.

        Raises
        ------
        OutputExistsError
            If another file came to be there meanwhile; it is not touched.
        WriteError
            If it cannot be written; all there was before stays.
        """
        self.origin = replace(self.origin, settings=replace(self.origin.settings, trajectories=n))
        run = replace(
            head,
            cloud=replace(head.cloud, origin=self.origin),
            stopped_by=stopped_by,
            provenance=dict(head.provenance) | {"shards": [dict(shard.made) for shard in self.shards]},
        )
        target, tree = self.parts.target, None if self.origin.kept == "cloud" else self.tree(n)
        known = any(one.path == target for one in self.others)
        write_run(target, run, self.sources, tree, known, self.parts.folder, ahead)
        self.parts.remove(n)


def _stop(content: Content) -> int:
    return content.stop if isinstance(content, Rows) else content[-1].stop
