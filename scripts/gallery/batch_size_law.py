"""How the mean of SGD on reshuffled examples leaves gradient descent, as the batch size B varies.

At one step size and flow time its distance is in proportion to (N - B)/((N - 1) B) (Smith et al. 2021), not
to 1/B; with steps in proportion to B, the linear scaling rule, it hardly changes while B is far below N.
"""

import numpy as np
from paper import BLUE, VERMILION, between, panels, published, scaled, slope_of
from setups import gd_endpoint, regression

import mcsgd

N, B, START = 48, np.array([1, 2, 3, 4, 6, 8, 12, 16, 24]), [0.0, 0.0]
RULES = {"constant": (0.004 + 0 * B, B, BLUE), "in proportion to B": (0.001 * B, 4 + 0 * B, VERMILION)}
WAYS = {"sampling": "reshuffle-examples", "design": "control-variate"}


def measure(batch, step, epochs, trajectories):
    problem, settings = regression(N, batch), mcsgd.Settings(step, epochs, trajectories, **WAYS)
    cloud = mcsgd.simulate(problem, START, settings)
    gd, sgd = (mcsgd.integrate(problem, START, settings, field).endpoint for field in ("gd", "sgd"))
    vectors = cloud.mean - gd_endpoint(problem, START, settings), cloud.standard_error, sgd - gd
    return np.linalg.norm(vectors, axis=1)


@published
def main(size):
    figure, (left, right) = panels(2)
    law, gaps, count = (N - B) / ((N - 1) * B), [], scaled(30_000, size, 2000)
    for rule, (steps, epochs, color) in RULES.items():
        gap, error, theory = np.array([measure(*x, count) for x in zip(B, steps, epochs, strict=True)]).T
        right.errorbar(B, gap, 2 * error, fmt="o", color=color, label=f"step size {rule}")
        right.loglog(B, theory, color=color, lw=0.8)
        gaps.append(gap / gap[0])
    left.loglog(law, gaps[0], "o", law, law, "k-", law, 1 / B, "k:", lw=0.8)
    left.set(xlabel="(N - B)/((N - 1) B)", ylabel="distance over that of B = 1", title="dotted: 1/B, N = 48")
    right.set(xlabel="batch size B", ylabel="distance of the mean to GD", title="lines: theory")
    slope = between("slope of the distance against the law", slope_of(law, gaps[0]), 0.97, 1.03)
    half = between("B = N/2 over B = 1 (law 0.0213, 1/B 0.0417)", gaps[0][-1], 0.0193, 0.0233)
    return figure, slope, half, between("B = 6 over B = 1 in proportion (0.894)", gaps[1][4], 0.85, 0.95)
