"""What is minimised: problems with batch loss, gradient, Hessian-vector product, third derivative."""

from mcsgd.problems.base import Problem
from mcsgd.problems.custom import Custom
from mcsgd.problems.network import TanhNetwork
from mcsgd.problems.penalized import Penalized
from mcsgd.problems.regression import LinearRegression, LogisticRegression, SoftmaxRegression
from mcsgd.problems.toys import Quadratic, ScalarFactorization

__all__ = [
    "PROBLEMS",
    "Custom",
    "LinearRegression",
    "LogisticRegression",
    "Penalized",
    "Problem",
    "Quadratic",
    "ScalarFactorization",
    "SoftmaxRegression",
    "TanhNetwork",
]

PROBLEMS: dict[str, type[Problem]] = {
    problem.kind: problem
    for problem in (
        ScalarFactorization,
        Quadratic,
        LinearRegression,
        LogisticRegression,
        SoftmaxRegression,
        TanhNetwork,
    )
}
"""The problems that an experiment file can name."""
