"""Plain, slow, obviously right: what the kernels and fields are held to."""

from itertools import permutations

import numpy as np


def epoch(problem, start, step_size, order):
    """One epoch of SGD over fixed batches in the given order."""
    w = np.array(start, float)
    for k in order:
        w = w - step_size * problem.gradient(w, k)
    return w


def exact_endpoints(problem, start, step_size):
    """Endpoints of one epoch for all m! orders, (m!, d)."""
    orders = permutations(range(problem.batches))
    return np.array([epoch(problem, start, step_size, order) for order in orders])


def exact_mean(problem, start, step_size):
    """Mean endpoint of one epoch over all m! orders, on deviations from the start."""
    return start + (exact_endpoints(problem, start, step_size) - start).mean(axis=0)


def expansion(problem, w, visits):
    """Coefficients a, xi, eta of w - eps a + eps^2 xi - eps^3 eta + ..., after the given visits.

    A visit is a batch, or a list of examples.
    """
    a, xi, eta = np.zeros((3, w.size))
    for batch in visits:
        eta = eta + problem.hessian_vector(w, xi, batch) + problem.third_derivative(w, a, a, batch) / 2
        xi = xi + problem.hessian_vector(w, a, batch)
        a = a + problem.gradient(w, batch)
    return np.array([a, xi, eta])


def reshuffled(examples, batch_size, design="independent"):
    """All that one epoch of reshuffled examples can visit, equally likely, as tuples of batches of examples."""
    starts = range(0, examples, batch_size)
    orders = permutations(range(examples))
    epochs = list({tuple(tuple(sorted(p[i : i + batch_size])) for i in starts) for p in orders})
    return epochs + [epoch[::-1] for epoch in epochs] if design == "reversed-pairs" else epochs


def slopes(errors):
    """Orders in the step size, from errors at step sizes halved again and again."""
    return np.log2(np.array(errors)[:-1] / np.array(errors)[1:])


def directional(function, w, v, step=1e-3):
    """Derivative of a function along v by the 4th-order central difference."""
    near = function(w + step * v) - function(w - step * v)
    far = function(w + 2 * step * v) - function(w - 2 * step * v)
    return (8 * near - far) / (12 * step)


def philox(counter, key):
    """Philox4x32-10 of four and two 32-bit numbers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 % 2**32, (p0 >> 32) ^ c[3] ^ k[1], p0 % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def random_words(seed, stream, epoch):
    """Yield the 64-bit words of an epoch of a stream."""
    block = 0
    while True:
        x = philox([stream % 2**32, stream >> 32, epoch, block], [seed % 2**32, seed >> 32])
        yield x[0] + (x[1] << 32)
        yield x[2] + (x[3] << 32)
        block += 1


def permutation(seed, stream, epoch, size):
    """Fisher and Yates's shuffle of 0, ..., size - 1, with draws in mixed radix; of many, inside out."""
    if size <= 13:  # two streams share a block
        words = random_words(seed, 8 * (stream // 16) + stream % 8, epoch)
        if stream // 8 % 2:
            next(words)
    else:
        words = random_words(seed, stream, epoch)
    word, used = next(words), 1
    items = list(range(size))
    for last in range(1, size) if size > 16 else range(size - 1, 0, -1):
        if used * (last + 1) > 2**33:
            word, used = next(words), 1
        used *= last + 1
        word *= last + 1
        pick, word = word >> 64, word % 2**64
        items[last], items[pick] = items[pick], items[last]
    return items


def choices(seed, stream, epoch, size):
    """As many uniform draws from 0, ..., size - 1 as that."""
    words = random_words(seed, stream, epoch)
    return [next(words) * size >> 64 for _ in range(size)]
