"""Which batch comes next: one function per sampling scheme.

Each fills, for one epoch of a block of trajectories, `sequence` (m, n'): the batch that trajectory t visits
at position s, in column t; n' is the number of trajectories, padded to whole groups of 16. Where
the examples are reshuffled it fills `rows` (n, N) too: which examples stand in which batch of
trajectory t, batch k owning rows[t, k B : (k + 1) B]. The result depends on (seed, trajectory, epoch)
alone. Under reversed pairs, trajectories 2p and 2p + 1 share stream p and the second goes backwards.

Bounded integers come from 64-bit words by mixed radix: the word is a fraction x in [0, 1); the
integer part of bound * x is the draw, the rest the next x. A new word is begun before the
product of the bounds would pass 2^33, so no outcome's probability is off by more than 2^-31 of
itself per word; one 128-bit block gives a whole permutation of m <= 20, and two of m <= 13.

`given` (rows, ...) is what a scheme starts from: the order of `given_order`, (1, m); for random orders of
few batches, all of them ranked, (1, m!), or nothing, (1, 0); a set (S, m) for `mcsgd.kernels.sets`.
"""

from __future__ import annotations

import numpy as np

from mcsgd.kernels.gathering import displace, gather
from mcsgd.kernels.jit import inline, jit
from mcsgd.kernels.philox import random_words
from mcsgd.kernels.simd import LANES, counting, splat, store

# Whenever the same (seed, trajectory, epoch) would give another order, mcsgd.schemes.STREAM_VERSION changes.
MASK, SHIFT = 0xFFFFFFFF, 32
WORD_CAPACITY = 2**33
IDENTITY = np.int64(-0x123456789ABCDF0)  # 0xFEDCBA9876543210
GROUP, LOG_GROUP = 2 * LANES, 4  # streams at a time
MOST_OF_A_WORD = 13  # 13! < WORD_CAPACITY
MOST_PACKED = 16  # numbers 0..15 of four bits each fill a 64-bit word
MOST_RANKED = 8  # 8! words still fit into the second cache


@inline
def digit(fraction, bound):
    """Return (integer part, remaining fraction) of bound * fraction, lane by lane; bound < 2^31."""
    mask, half = splat(MASK), splat(SHIFT)
    times = splat(bound & MASK)  # tells LLVM that 32-bit multiplications do
    low = (fraction & mask) * times
    high = (fraction >> half) * times + (low >> half)
    return high >> half, (high << half) | (low & mask)


@inline
def half_of_a_block(seed, streams, epoch):
    """Return the word of each of eight streams, where two share a block: see `halves_of_blocks`."""
    shared = (streams >> splat(LOG_GROUP)) << splat(LOG_GROUP - 1) | (streams & splat(LANES - 1))
    first, second = random_words(seed, shared, epoch, 0)
    which = (streams >> splat(LOG_GROUP - 1)) & splat(1)
    return first ^ ((first ^ second) & (splat(0) - which))


@inline
def halves_of_blocks(seed, stream, epoch):
    """Return a 64-bit word for each of GROUP streams, in two vectors.

    Streams 16 g + i and 16 g + 8 + i, i < 8, have the two words of one block, that of number 8 g + i.
    """
    if stream & (GROUP - 1) == 0:
        return random_words(seed, splat(stream // 2) + counting(), epoch, 0)
    streams = splat(stream) + counting()
    return half_of_a_block(seed, streams, epoch), half_of_a_block(seed, streams + splat(LANES), epoch)


@inline
def swap_packed(packed, last, pick):
    """Exchange the four-bit numbers at two places of each lane's word."""
    here, there = splat(4 * last), pick << splat(2)
    change = ((packed >> here) ^ (packed >> there)) & splat(15)
    return packed ^ (change << here) ^ (change << there)


@inline
def store_packed(packed, more_packed, size, orders, column, step):
    """Write the permutations of GROUP streams; arguments as `shuffle`."""
    for i in range(size):
        at = i * step + column
        store(orders, at, (packed >> splat(4 * i)) & splat(15))
        store(orders, at + LANES, (more_packed >> splat(4 * i)) & splat(15))


@inline
def shuffle_ranked(seed, stream, epoch, size, ranked, orders, column, step):
    """`shuffle` for size <= 8, by a table of all permutations; the same as without it.

    The whole part of size! x is the number whose digits `shuffle_packed` draws from the fraction x: the rank.
    """
    words, more_words = halves_of_blocks(seed, stream, epoch)
    packed = gather(ranked, 0, digit(words, ranked.size)[0])
    more_packed = gather(ranked, 0, digit(more_words, ranked.size)[0])
    store_packed(packed, more_packed, size, orders, column, step)


@jit
def shuffle_packed(seed, stream, epoch, size, orders, column, step):
    """`shuffle` for size <= 16, of 16 streams: a permutation is a word of four-bit numbers, in a register.

    Two vectors go side by side, for each waits long for its own last result.
    """
    if size <= MOST_OF_A_WORD:
        words, more_words = halves_of_blocks(seed, stream, epoch)
        spares, more_spares = words, more_words
    else:
        words, spares = random_words(seed, splat(stream) + counting(), epoch, 0)
        more_words, more_spares = random_words(seed, splat(stream + LANES) + counting(), epoch, 0)
    packed = splat(IDENTITY)
    more_packed = packed
    used = 1
    for last in range(size - 1, 0, -1):
        bound = last + 1
        if used * bound > WORD_CAPACITY:
            used = 1
            words, more_words = spares, more_spares
        used *= bound
        pick, words = digit(words, bound)
        more_pick, more_words = digit(more_words, bound)
        packed = swap_packed(packed, last, pick)
        more_packed = swap_packed(more_packed, last, more_pick)
    store_packed(packed, more_packed, size, orders, column, step)


@jit
def shuffle(seed, stream, epoch, size, orders, column, step):
    """Draw uniformly random permutations of 0, 1, ..., size - 1 (Fisher and Yates), for GROUP streams.

    Item i of the permutation of stream + lane goes to orders[i step + column + lane].
    """
    if size <= MOST_PACKED:
        shuffle_packed(seed, stream, epoch, size, orders, column, step)
    else:
        shuffle_long(seed, stream, epoch, size, orders, column, step)


@jit
def shuffle_long(seed, stream, epoch, size, orders, column, step):
    """`shuffle` of any size: inside out, for that needs no numbers to begin with, and no memory but `orders`.

    Number i goes to a place up to i, and what stood there goes to place i.
    """
    flat = orders.reshape(-1)
    store(flat, column, splat(0))
    store(flat, column + LANES, splat(0))
    words, spares = random_words(seed, splat(stream) + counting(), epoch, 0)
    more_words, more_spares = random_words(seed, splat(stream + LANES) + counting(), epoch, 0)
    block, has_spare, used = 0, True, 1
    for last in range(1, size):
        bound = last + 1
        if used * bound > WORD_CAPACITY:
            used = 1
            if has_spare:
                words, more_words, has_spare = spares, more_spares, False
            else:
                block += 1
                words, spares = random_words(seed, splat(stream) + counting(), epoch, block)
                more_words, more_spares = random_words(seed, splat(stream + LANES) + counting(), epoch, block)
                has_spare = True
        used *= bound
        pick, words = digit(words, bound)
        more_pick, more_words = digit(more_words, bound)
        displace(flat, column, step, pick, last)
        displace(flat, column + LANES, step, more_pick, last)


@jit
def choose(seed, stream, epoch, size, orders, column, step):
    """Draw `size` independent uniform numbers from 0, 1, ..., size - 1; arguments as `shuffle`."""
    for more in range(0, GROUP, LANES):
        for i in range(0, size, 2):
            word, spare = random_words(seed, splat(stream + more) + counting(), epoch, i // 2)
            store(orders, i * step + column + more, digit(word, size)[0])
            if i + 1 < size:
                store(orders, (i + 1) * step + column + more, digit(spare, size)[0])


@inline
def orders_of(replacing, seed, stream, epoch, size, ranked, orders, column, step):
    """Draw the orders of GROUP streams; arguments as `shuffle`."""
    if replacing:
        choose(seed, stream, epoch, size, orders, column, step)
    elif ranked.size > 0:
        shuffle_ranked(seed, stream, epoch, size, ranked, orders, column, step)
    else:
        shuffle(seed, stream, epoch, size, orders, column, step)


@jit
def fixed_batches(replacing, seed, first, epoch, paired, given, sequence):
    """Visit fixed batches in the orders drawn by `orders_of`."""
    m, width = sequence.shape
    if not paired:
        for column in range(0, width, GROUP):
            orders_of(replacing, seed, first + column, epoch, m, given, sequence, column, width)
        return
    table = np.empty((m, GROUP), np.int64)
    for stream in range(first // 2, (first + width - 1) // 2 + 1, GROUP):
        orders_of(replacing, seed, stream, epoch, m, given, table, 0, GROUP)
        for lane in range(GROUP):
            t = 2 * (stream + lane) - first
            for s in range(m):
                batch = table[s, lane]
                if 0 <= t < width:
                    sequence[s, t] = batch
                if 0 <= t + 1 < width:
                    sequence[m - 1 - s, t + 1] = batch


@jit
def random_order(seed, first, epoch, paired, given, sequence, rows):
    """Fixed batches, each once, in a fresh uniformly random order every epoch."""
    fixed_batches(False, seed, first, epoch, paired, given, sequence)


@jit
def with_replacement(seed, first, epoch, paired, given, sequence, rows):
    """As many independent uniform draws from the fixed batches as there are batches."""
    fixed_batches(True, seed, first, epoch, paired, given, sequence)


@jit
def shuffle_once(seed, first, epoch, paired, given, sequence, rows):
    """Fixed batches in one random order, the same in all epochs."""
    if epoch == 0:
        random_order(seed, first, epoch, paired, given, sequence, rows)


@jit
def given_order(seed, first, epoch, paired, given, sequence, rows):
    """Fixed batches in the order given by the user (or 0, 1, ... for a single full batch)."""
    if epoch == 0:
        for s in range(len(sequence)):
            sequence[s] = given[0, s]


@jit
def reshuffle_examples(seed, first, epoch, paired, given, sequence, rows):
    """New batches every epoch, cut from a uniformly random permutation of the examples."""
    n, examples = rows.shape
    m = len(sequence)
    per_stream = 2 if paired else 1
    table = np.empty((examples, GROUP), np.int64)
    for stream in range(first // per_stream, (first + n - 1) // per_stream + 1, GROUP):
        shuffle(seed, stream, epoch, examples, table, 0, GROUP)
        for lane in range(GROUP):
            for member in range(per_stream):
                t = per_stream * (stream + lane) + member - first
                if 0 <= t < n:
                    for i in range(examples):
                        rows[t, i] = table[i, lane]
                    for s in range(m):
                        sequence[s, t] = s if member == 0 else m - 1 - s
