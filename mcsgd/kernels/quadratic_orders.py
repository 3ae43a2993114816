"""Moments of all orders of quadratic batches, by recursion over sets of batches.

A step on batch k is affine. In deviations x from the start of the epoch it is x -> x + F_k x + f_k, with
F_k = -eps H_k and f_k = -eps g_k(start). After the batches of a set S in random order, the last
of them is any k in S, and the others came in random order before it.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.jit import jit

__all__ = ["pair_means", "subset_covariances", "subset_means"]


@jit
def stepped(F, f, before, after):
    """Fill in before + F before + f, for columns stored as rows (c, d)."""
    columns, d = before.shape
    for i in range(columns):
        for a in range(d):
            total = f[i, a]
            for b in range(d):
                total += F[a, b] * before[i, b]
            after[i, a] = before[i, a] + total


@jit
def subset_means(F, f, means):
    """Fill in the mean state after the batches of every set S in random order, from 0.

    v(S) = (1/abs(S)) sum_{k in S} (x + F_k x + f_k) with x = v(S without k), and v of no batch is 0. A state
    is c columns of length d, so that vectors (c = 1) and whole affine maps go the same way. The bits of the
    number S say which batches are in the set.

    Parameters
    ----------
    F : (m, d, d)
    f : (m, c, d)
    means : (2^m, c, d)
        Output.
    """
    m = len(F)
    after = np.empty(f[0].shape)
    for subset in range(len(means)):
        mean, size = means[subset], 0
        mean[:] = 0.0
        for k in range(m):
            if subset >> k & 1:
                size += 1
                stepped(F[k], f[k], means[subset ^ (1 << k)], after)
                mean += after
        mean /= max(size, 1)


@jit
def add_conjugated(F, P, into):
    """Add (I + F) P (I + F)^T to `into`."""
    d = len(F)
    half = P.copy()
    for a in range(d):
        for b in range(d):
            for e in range(d):
                half[a, e] += F[a, b] * P[b, e]
    for a in range(d):
        for b in range(d):
            total = half[a, b]
            for e in range(d):
                total += half[a, e] * F[b, e]
            into[a, b] += total


@jit
def subset_covariances(F, f, means, covariances):
    """Fill in the covariances of the states' columns, by the law of total covariance.

    P(S) = (1/abs(S)) sum_{k in S} [(I + F_k) P(S without k) (I + F_k)^T + gap gap^T], where gap is the mean
    state after k came last, minus v(S). Nothing of opposite sign is added, so no digits are lost.

    Parameters
    ----------
    F, f, means
        As in `subset_means`.
    covariances : (2^m, c, c, d, d)
        [S, i, j] is the covariance of columns i and j. Output, but for [0], the covariance before
        the first batch.
    """
    m, columns = len(F), f.shape[1]
    gap = np.empty(f[0].shape)
    for subset in range(1, len(means)):
        found, size = covariances[subset], 0
        found[:] = 0.0
        for k in range(m):
            if subset >> k & 1:
                size += 1
                before = subset ^ (1 << k)
                stepped(F[k], f[k], means[before], gap)
                gap -= means[subset]
                for i in range(columns):
                    for j in range(columns):
                        add_conjugated(F[k], covariances[before, i, j], found[i, j])
                        for a in range(gap.shape[1]):
                            for b in range(gap.shape[1]):
                                found[i, j, a, b] += gap[i, a] * gap[j, b]
        found /= size


@jit
def weigh(table, between, a, free, share, out):
    """Fill in, for every number after: the weighted mean of what the new batch does there to `table`.

    out[after] = share ((free - between - after) table[between, after] + between a table[between - 1, after]
    + after a^2 table[between, after - 1]), the rows of the table beginning at 1.
    """
    here, fewer = table[between + 1], table[between]
    for after in range(free - between + 1):
        grown = between * a * fewer[after] + (after * a * a * here[after - 1] if after > 0 else 0.0)
        out[after] = share * ((free - between - after) * here[after] + grown)


@jit
def pair_means(factors, pushes):
    """Return the first two moments of one parameter after all m batches in random order, from 0.

    Batch k does x -> a_k x + b_k. Hence x_m = sum_k b_k prod_{j after k} a_j, and its square is a sum over
    pairs k before l of 2 b_k (a_l b_l), with a factor a_j for those between the two and a_j^2 for those
    after both; and over k = l of b_k^2. What is needed of these products is the mean over all choices of
    so many batches between and after. Batch by batch: the t-th known stands before, between, after or is
    one of the pair, with probabilities in proportion to their numbers. So every mean is a weighted mean
    of earlier ones, and nothing is divided out. About m^3 / 6 times four of them.

    Parameters
    ----------
    factors, pushes : (m,)
        a and b.

    Returns
    -------
    float, float
        E x_m and E x_m^2.
    """
    m = factors.size
    # [between + 1, after]: of the pair, none is among the t known; only the first; only the second; both.
    none, first = np.zeros((m + 2, m + 1)), np.zeros((m + 2, m + 1))
    second, both = np.zeros((m + 2, m + 1)), np.zeros((m + 2, m + 1))
    same = np.zeros((2, m + 1))  # the pair is one batch, and it is known
    row = np.empty(m + 1)
    none[1, 0] = 1.0
    for t in range(1, m + 1):
        a, b, share = factors[t - 1], pushes[t - 1], 1.0 / t
        weigh(same, 0, a, t - 1, share, row)
        for after in range(t):
            same[1, after] = row[after] + share * b * b * none[1, after]
        # Downwards, and from what comes of it to what it comes from: what is read is still of t - 1.
        for between in range(t, -1, -1):
            i, size = between + 1, t - between
            weigh(both, between, a, t - 2, share, row)
            for after in range(size - 1):
                marked = a * first[i, after] + second[i, after]
                both[i, after] = row[after] + share * b * marked
            weigh(first, between, a, t - 1, share, row)
            for after in range(size):
                first[i, after] = row[after] + share * b * none[i, after]
            weigh(second, between, a, t - 1, share, row)
            for after in range(size):
                second[i, after] = row[after] + share * a * b * none[i, after]
            weigh(none, between, a, t, share, row)
            none[i, : size + 1] = row[: size + 1]
    return first[:, 0].sum(), same.sum() + 2.0 * both.sum()
