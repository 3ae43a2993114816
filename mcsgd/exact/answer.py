"""What an exact method gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcsgd.display import MOST_NUMBERS, Shown, Table, counted, number
from mcsgd.problems.base import Array

__all__ = ["ExactAnswer"]


@dataclass(frozen=True, eq=False)
class ExactAnswer(Shown):
    """Mean and covariance of the endpoint over all that a sampling can draw.

    Attributes
    ----------
    mean : (d,)
    covariance : (d, d)
        Of single endpoints, all equally likely: the mean outer product of deviations from the mean.
    method : str
        Which exact method was used.
    count : int or float
        How many equally likely endpoints it stands for, whether or not they were computed one by
        one: m! to the power of the epochs for random-order, say. A float beyond 2^63, and inf beyond
        1e308.
    epochs : int
    """

    mean: Array
    covariance: Array
    method: str
    count: int | float
    epochs: int

    @property
    def standard_deviation(self) -> Array:
        """Of single endpoints, (d,)."""
        return np.asarray(np.sqrt(self.covariance.diagonal()))

    def tables(self) -> list[Table]:
        """Return how the mean was had, and its first coordinates."""
        return [self.mean_table(MOST_NUMBERS)]

    def mean_table(self, most: int) -> Table:
        """Return a line for each coordinate, or for the first of them."""
        many = "1 endpoint" if self.count == 1 else f"all {self.count:.12g} equally likely endpoints"
        columns = zip(self.mean, self.standard_deviation, strict=True)
        rows = [
            (str(index), f"{mean:.15g}", number(width, 3))
            for index, (mean, width) in zip(range(most), columns, strict=False)
        ]
        more = self.mean.size - len(rows)
        return Table(
            f"Exact mean of {many} of {counted(self.epochs, 'epoch')}, by {self.method}",
            ("coordinate", "mean", "std. deviation"),
            rows,
            2,
            [f"and {counted(more, 'more coordinate')}"] if more else [],
        )

    def __repr__(self) -> str:
        mean = np.array2string(self.mean, threshold=6)
        return f"ExactAnswer({self.method}, {self.count:.12g} endpoints, mean {mean})"
