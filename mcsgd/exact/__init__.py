"""Exact answers, without Monte Carlo: the mean endpoint over all orders that a sampling can draw."""

from mcsgd.exact.answer import ExactAnswer
from mcsgd.exact.choice import exact_mean
from mcsgd.exact.maps import exact_field_matrix, mean_map

__all__ = ["ExactAnswer", "exact_field_matrix", "exact_mean", "mean_map"]
