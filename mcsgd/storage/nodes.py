"""Moments in a file, a line for each node of their tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mcsgd.moments import BINS, Bins, EnsembleMoments, Moments, Node
from mcsgd.storage.arrays import Scales, write_array
from mcsgd.storage.schema import MATRIX, open_file

__all__ = ["nodes_of", "read_nodes", "write_nodes"]


def write_nodes(file: h5py.Group, nodes: Sequence[Node], scales: Scales | None = None) -> None:
    """Write moments to the group moments."""
    group, moments = file.create_group("moments"), [node.moments for node in nodes]
    columns: dict[str, tuple[list[Any], str]] = {
        "first": ([node.first for node in nodes], "index of the first trajectory"),
        "stop": ([node.stop for node in nodes], "index after the last trajectory"),
        "left_out": ([one.left_out for one in moments], "trajectories of units that did not finish"),
        "diverged": ([one.diverged for one in moments], "trajectories that diverged"),
    }
    same = all(one.singles is one.units for one in moments)
    for name in ("units",) if same else ("units", "singles"):
        found: list[Moments] = [getattr(one, name) for one in moments]
        deviations = "sum of outer products of deviations from the mean"
        columns |= {
            f"{name}/count": ([one.count for one in found], f"{name} that finished"),
            f"{name}/mean": ([one.mean for one in found], "mean endpoint minus start"),
            f"{name}/scatter": ([one.scatter for one in found], deviations),
        }
    _write_scale(group, "node", len(nodes), "index of the part")
    for name, (values, meaning) in columns.items():
        array = np.array(values)
        dimensions = [scales[d] for d in MATRIX[: array.ndim - 1]] if scales else []
        write_array(group, name, array, meaning, [group["node"], *dimensions])
    bins = [one.bins for one in moments if one.bins is not None]
    if bins:
        _write_bins(group, bins, scales)


def _write_bins(group: h5py.Group, bins: Sequence[Bins], scales: Scales | None) -> None:
    _write_scale(group, "bin", BINS, f"unit i is in bin i mod {BINS}")
    dimensions = [group["node"], group["bin"]]
    counts, means = (np.array([getattr(one, name) for one in bins]) for name in ("count", "mean"))
    write_array(group, "bins/count", counts, "units in the bin", dimensions)
    dimensions += [scales[MATRIX[0]]] if scales else []
    write_array(group, "bins/mean", means, "mean endpoint of the bin minus start", dimensions)


def _write_scale(group: h5py.Group, name: str, length: int, meaning: str) -> None:
    group[name] = np.arange(length)
    group[name].attrs["long_name"] = meaning
    group[name].make_scale(name)


def read_nodes(file: h5py.Group) -> list[Node]:
    """Return the moments in a file."""
    group = file["moments"]
    first, stop, left_out, diverged = (group[n][()] for n in ("first", "stop", "left_out", "diverged"))
    units = _moments(group["units"])
    singles = _moments(group["singles"]) if "singles" in group else units
    bins: list[Bins | None] = [None] * len(first)
    if "bins" in group:
        counts, means = (group[f"bins/{name}"][()] for name in ("count", "mean"))
        bins = [Bins(count, mean) for count, mean in zip(counts, means, strict=True)]
    nodes = []
    for i in range(len(first)):
        moments = EnsembleMoments(units[i], singles[i], int(left_out[i]), int(diverged[i]), bins[i])
        nodes.append(Node(int(first[i]), int(stop[i]), moments))
    return nodes


def nodes_of(path: Path, kind: str) -> list[Node]:
    """Return the moments in a run's file or a shard; raises as `open_file`."""
    with open_file(path, kind) as file:
        return read_nodes(file)


def _moments(group: h5py.Group) -> list[Moments]:
    count, mean, scatter = (group[name][()] for name in ("count", "mean", "scatter"))
    return [Moments(int(n), mean[i], scatter[i]) for i, n in enumerate(count)]
