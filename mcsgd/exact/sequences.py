"""Which sequences of batches a sampling can draw, and how many: all of them equally likely."""

from __future__ import annotations

import math
from itertools import accumulate, chain, combinations
from operator import mul

import numpy as np
from numpy.typing import NDArray

from mcsgd.kernels.enumeration import Options
from mcsgd.problems.base import Problem
from mcsgd.problems.stepper import batch_sizes
from mcsgd.schemes import RESHUFFLED
from mcsgd.settings import Settings

__all__ = ["branching", "directions", "number_of_endpoints", "options_of", "tree_steps"]

LOG_LARGEST_INTEGER, LOG_LARGEST_FLOAT = 63 * math.log(2), math.log(1e308)
REPLACED, KEPT = "with-replacement", "shuffle-once"


def sizes_by_position(problem: Problem, backwards: bool = False) -> list[int]:
    """Return the sizes of the batches by position, under reshuffle-examples: the smaller one comes last."""
    sizes: list[int] = batch_sizes(problem.examples, problem.batch_size).tolist()
    return sizes[::-1] if backwards else sizes


def branching(problem: Problem, settings: Settings, backwards: bool = False) -> list[int]:
    """Return, for each position of an epoch, how many batches can come there after those before."""
    m = problem.batches
    if not settings.random:
        return [1] * m
    if settings.sampling == REPLACED:
        return [m] * m
    if settings.sampling != RESHUFFLED:
        return list(range(m, 0, -1))
    sizes = sizes_by_position(problem, backwards)
    used = accumulate(sizes, initial=0)
    return [math.comb(problem.examples - before, size) for before, size in zip(used, sizes, strict=False)]


def directions(problem: Problem, settings: Settings) -> tuple[bool, ...]:
    """Return in which directions an epoch's batches are visited (True: backwards), if that matters.

    It matters only for reshuffled examples with a smaller batch, in reversed pairs: it comes first for
    one half of the trajectories.
    """
    uneven = problem.examples % problem.batch_size != 0
    if settings.sampling == RESHUFFLED and settings.design == "reversed-pairs" and uneven:
        return (False, True)
    return (False,)


def log_ways(problem: Problem, settings: Settings) -> float:
    """Return the logarithm of the product of `branching`, without its large numbers."""
    m, N = problem.batches, problem.examples
    if not settings.random:
        return 0.0
    if settings.sampling == REPLACED:
        return m * math.log(m)
    if settings.sampling != RESHUFFLED:
        return math.lgamma(m + 1)
    whole, rest = divmod(N, problem.batch_size)
    return math.lgamma(N + 1) - whole * math.lgamma(problem.batch_size + 1) - math.lgamma(rest + 1)


def number_of_endpoints(problem: Problem, settings: Settings) -> int | float:
    """Return how many equally likely sequences there are: an int up to 2^63, then a float, then inf.

    Both directions of an epoch count, where they matter.
    """
    powers = 1 if settings.sampling == KEPT else settings.epochs
    ways = len(directions(problem, settings))
    logarithm = powers * log_ways(problem, settings) + math.log(ways)
    if logarithm < LOG_LARGEST_INTEGER:
        return int(ways * math.prod(branching(problem, settings)) ** powers)
    return math.exp(logarithm) if logarithm < LOG_LARGEST_FLOAT else math.inf


def tree_steps(problem: Problem, settings: Settings) -> float:
    """Return the number of steps of the tree of all sequences that share common beginnings."""
    kept = settings.sampling == KEPT
    epochs = 1 if kept else settings.epochs
    if epochs * log_ways(problem, settings) > LOG_LARGEST_INTEGER:
        return math.inf
    total = 0
    for backwards in directions(problem, settings):
        widths = list(accumulate(branching(problem, settings, backwards), mul))
        nodes, leaves = sum(widths), widths[-1]
        # Every leaf of an epoch is the root of the next.
        total += nodes * (epochs if leaves == 1 else (leaves**epochs - 1) // (leaves - 1))
        if kept:
            total += leaves * (settings.epochs - 1) * problem.batches
    return float(total)


def options_of(problem: Problem, settings: Settings, backwards: bool = False) -> Options:
    """Return the batches that may come at each position of an epoch."""
    if settings.sampling == RESHUFFLED:
        return _subsets_of_examples(problem, backwards)
    m, B = problem.batches, problem.batch_size
    rows = np.arange(m * B).reshape(m, B)
    sizes = batch_sizes(problem.examples, B)
    replaced = settings.sampling == REPLACED
    masks = np.zeros(m, np.int64) if replaced else 1 << np.arange(m)
    return Options(rows, sizes, masks, np.zeros(m, np.int64), np.full(m, m), 0 if replaced else 2**m - 1)


def _subsets_of_examples(problem: Problem, backwards: bool) -> Options:
    """Return all sets of as many examples as a batch has, for each size of a batch."""
    N, B = problem.examples, problem.batch_size
    by_position = sizes_by_position(problem, backwards)
    subsets = {size: _combinations(N, size) for size in sorted(set(by_position))}
    counts = [len(rows) for rows in subsets.values()]
    begins = dict(zip(subsets, accumulate(counts, initial=0), strict=False))
    first = np.array([begins[size] for size in by_position])
    return Options(
        rows=np.concatenate([np.pad(rows, ((0, 0), (0, B - size))) for size, rows in subsets.items()]),
        sizes=np.repeat(list(subsets), counts),
        masks=np.concatenate([_masks(rows) for rows in subsets.values()]),
        first=first,
        last=first + np.array([len(subsets[size]) for size in by_position]),
        everything=2**N - 1,
    )


def _combinations(n: int, size: int) -> NDArray[np.int64]:
    """Return all subsets of 0, ..., n - 1 of a size, one a row, in the order of their masks."""
    count = math.comb(n, size)
    flat = chain.from_iterable(combinations(range(n), size))
    rows = np.fromiter(flat, np.int64, count * size).reshape(count, size)
    return rows[np.argsort(_masks(rows))]


def _masks(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of 2^i over the numbers i of each row."""
    return np.asarray((1 << rows).sum(axis=1))
