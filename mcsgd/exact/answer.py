"""What an exact method gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcsgd.problems.base import Array

__all__ = ["ExactAnswer"]


@dataclass(frozen=True, eq=False)
class ExactAnswer:
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

    def __repr__(self) -> str:
        mean = np.array2string(self.mean, threshold=6)
        return f"ExactAnswer({self.method}, {self.count:.12g} endpoints, mean {mean})"
