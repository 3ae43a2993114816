"""What is shuffled: the fixed batches, or the examples that the batches are cut from."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from mcsgd.problems.base import Problem
from mcsgd.problems.stepper import batch_sizes

__all__ = ["Shuffled", "shuffled_units"]


class Shuffled(NamedTuple):
    """The things of which a random order is drawn.

    Attributes
    ----------
    units : Problem
        Its batches are the n units.
    whole : Problem
        The same mean loss C in as few batches as it may be had from.
    sizes : tuple of tuple of int
        How many units are in each batch, in the order of visits; one for each of the equally likely
        directions in which batches are visited, if that makes a difference.
    """

    units: Problem
    whole: Problem
    sizes: tuple[tuple[int, ...], ...]

    @property
    def first_order_noise(self) -> float:
        """The factor of sum_i (g_i - g) (g_i - g)^T in the covariance of the sum of an epoch's gradients.

        Zero but for a smaller batch, whose units weigh more: the variance of the weights 1/size by
        n/(n - 1), over n.
        """
        m, n = len(self.sizes[0]), sum(self.sizes[0])
        squares = sum((Fraction(1, size) for size in self.sizes[0]), Fraction(0)) - Fraction(m * m, n)
        return float(squares / max(n - 1, 1))


def shuffled_units(problem: Problem, sampling: str, design: str = "independent") -> Shuffled:
    """Return the units of a sampling that visits batches in random order.

    Under reshuffle-examples a smaller batch, if there is one, comes last, and first in the second
    trajectory of a pair. Under all others each batch is one unit.

    Examples
    --------
    >>> from mcsgd.problems import ScalarFactorization
    >>> problem = ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6], batch_size=2)
    >>> shuffled_units(problem, "reshuffle-examples", "reversed-pairs").sizes
    ((2, 1), (1, 2))
    >>> shuffled_units(problem, "random-order").sizes
    ((1, 1),)
    """
    if sampling != "reshuffle-examples":
        return Shuffled(problem, problem, ((1,) * problem.batches,))
    N, B = problem.examples, problem.batch_size
    sizes = tuple(batch_sizes(N, B).tolist())
    both = (sizes, sizes[::-1]) if design == "reversed-pairs" and N % B else (sizes,)
    return Shuffled(problem.with_batch_size(1), problem.with_batch_size(N), both)
