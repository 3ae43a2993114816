"""Mean and scatter of a sample of vectors, whose bits depend neither on the machine nor on its threads.

A BLAS would have its own threads for the product, which wait for each other while ours have the processors,
and its bits are of the processor it chose its code for.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.products import aligned, multiply, padded
from mcsgd.kernels.simd import LANES, fma, load, splat, store, total

__all__ = ["mean_and_scatter"]

BLOCK = 512
"""Vectors whose deviations from their mean are in the cache."""
FEW = 8
"""Up to so many parameters, lanes are vectors of the sample; of more, they are parameters."""
PANEL = 4 * LANES


@jit
def mean_and_scatter(sample):
    """Return the mean of sample - sample[0], (d,), and the scatter of the sample about its mean, (d, d).

    Block by block, each about its own mean, so that nothing cancels; blocks are merged as parts of a sample
    are (Chan, Golub and LeVeque 1979).

    Parameters
    ----------
    sample : (n, d)
        n > 0, without NaN.
    """
    n, d = sample.shape
    few = d <= FEW
    deviations = aligned(BLOCK * (d if few else padded(d)))
    mean, scatter = np.zeros(d), np.zeros((d, d))
    part_mean, part = aligned(padded(d)), aligned(d * padded(d))
    places = np.arange(d)
    for begin in range(0, n, BLOCK):
        count = min(BLOCK, n - begin)
        if few:
            _of_few(sample, begin, count, deviations, part_mean, part)
        else:
            _of_many(sample, begin, count, deviations, places, part_mean, part)
        share = count / (begin + count)
        for i in range(d):
            for j in range(i, d):
                between = (part_mean[i] - mean[i]) * (part_mean[j] - mean[j]) * (begin * share)
                scatter[i, j] += part[i * padded(d) + j] + between
        for i in range(d):
            mean[i] += (part_mean[i] - mean[i]) * share
    for i in range(d):
        for j in range(i):
            scatter[i, j] = scatter[j, i]
    return mean, scatter


@inline
def _of_few(sample, begin, count, deviations, mean, scatter):
    """Write the mean of some vectors less the first of all, and the upper half of their scatter."""
    d = sample.shape[1]
    for i in range(d):
        column = i * BLOCK
        for k in range(count):
            deviations[column + k] = sample[begin + k, i] - sample[0, i]
        for k in range(count, padded(count)):
            deviations[column + k] = 0.0
        whole = splat(0.0)
        for k in range(0, count, LANES):
            whole += load(deviations, column + k)
        mean[i] = total(whole) / count
        for k in range(0, count, LANES):
            store(deviations, column + k, load(deviations, column + k) - mean[i])
        for k in range(count, padded(count)):
            deviations[column + k] = 0.0
    for i in range(d):
        for j in range(i, d):
            whole = splat(0.0)
            for k in range(0, count, LANES):
                whole = fma(load(deviations, i * BLOCK + k), load(deviations, j * BLOCK + k), whole)
            scatter[i * padded(d) + j] = total(whole)


@inline
def _of_many(sample, begin, count, deviations, places, mean, scatter):
    """Do the same."""
    d, width = sample.shape[1], padded(sample.shape[1])
    for k in range(count):
        for i in range(d):
            deviations[k * width + i] = sample[begin + k, i] - sample[0, i]
        for i in range(d, width):
            deviations[k * width + i] = 0.0
    for i in range(0, d, LANES):
        whole = splat(0.0)
        for k in range(count):
            whole += load(deviations, k * width + i)
        whole = whole / count
        store(mean, i, whole)
        for k in range(count):
            store(deviations, k * width + i, load(deviations, k * width + i) - whole)
    for first in range(0, width, PANEL):  # what is left of the diagonal is had from the right
        vectors, height = min(width - first, PANEL) // LANES, min(first + PANEL, d)
        multiply(
            deviations, places, height, width, deviations, first, width, count, vectors, scatter, first, width
        )
