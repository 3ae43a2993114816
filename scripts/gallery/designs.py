"""How the choice of orders decides what a mean over SGD epochs can resolve, at one cost.

Reversed pairs, a control variate, and balanced sets have far smaller standard errors than independent orders,
the more so the smaller the step: their noise falls as eps^3, eps^3 and eps^4, not as eps^2.
"""

import numpy as np
from paper import between, ladder, panels, published, scaled, slope_of
from setups import logistic

import mcsgd

ORDERS = {"independent": 2, "control-variate": 3, "reversed-pairs": 3, "balanced": 4}
SET = 336  # orders of 8 minibatches in a balanced set


def simulate(design, step, trajectories):
    problem, start = logistic()
    return mcsgd.simulate(problem, start, mcsgd.Settings(step, 1, trajectories, seed=1, design=design))


@published
def main(size):
    figure, (left, right) = panels(2, height=2.8)
    steps, counts, worst, claims = ladder(0.05, size, 5), SET * ladder(scaled(512, size, 64), size), 0, []
    exact = mcsgd.exact_mean(*logistic(), mcsgd.Settings(steps[0])).mean
    for (design, order), mark in zip(ORDERS.items(), "o^sD", strict=True):
        clouds = [simulate(design, steps[0], int(count)) for count in counts]
        error = np.array([np.linalg.norm(cloud.standard_error) for cloud in clouds])
        actual = np.array([np.linalg.norm(cloud.mean - exact) for cloud in clouds])
        (line,) = left.loglog(counts, error)
        left.loglog(counts, actual, mark, color=line.get_color(), mfc="none")
        noise = [np.linalg.norm(simulate(design, step, 16 * SET).standard_error) for step in steps]
        slope, worst = slope_of(steps, noise), max(worst, (actual / error).max())
        right.loglog(steps, np.sqrt(16 * SET) * np.array(noise), mark + "-", label=f"{design}: {slope:.2f}")
        claims.append(between(f"{design}: slope of the noise", slope, order - 0.25, order + 0.25))
    left.set(xlabel="SGD epochs", ylabel="error of the mean", title="standard error; marks: actual error")
    right.set(xlabel="step size", ylabel="noise of one epoch", title="slopes")
    return figure, *claims, between("actual error in standard errors, at most", worst, 0, 4)
