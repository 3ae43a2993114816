"""Two minima of one mean loss and one curvature; SGD prefers the one where the minibatches agree.

From right of the ridge GD ends on the right; SGD ever more on the left: the ridge of C_SGD passes the start.
"""

import numpy as np
from paper import BLUE, GREEN, VERMILION, between, normal_cdf, panels, published, scaled, wilson
from setups import gd_endpoint

import mcsgd

START, SIGNS = np.array([0.03]), np.array([-1.0, 1.0, -1.0, 1.0])


def gradient(w, batch, data, out):  # of (w^2 - 1)^2 / 4 + sign (w + 1)^2 / 2
    out[0] = w[0] * w[0] * w[0] - w[0] + data[0][batch].mean() * (w[0] + 1)


@published
def main(size):
    problem = mcsgd.problems.Custom(gradient, (SIGNS,), parameters=1, examples=4, batch_size=1)
    figure, (left, right) = panels(2)
    w, steps, points = np.linspace(-1.7, 1.7, 6801), np.linspace(0.02, 0.15, max(8, round(14 * size))), []
    mean, norms = (w**2 - 1) ** 2 / 4, np.array([(problem.gradients(x) ** 2).mean() for x in w[:, None]])
    for step in steps:
        settings = mcsgd.Settings(step, epochs=round(3 / step), trajectories=scaled(100_000, size, 4000))
        ended, gd = mcsgd.simulate(problem, START, settings).endpoints, gd_endpoint(problem, START, settings)
        ridge = w[np.argmax(np.where(abs(w) < 0.5, mean + step / 4 * norms, 0))]  # of C_SGD
        width = np.sqrt(step**3 / 8 * mcsgd.theory.xi_covariance(problem, [ridge])[0, 0])
        points.append([*wilson(ended < 0), normal_cdf((ridge - START[0]) / width), gd[0] < 0])
    sgd, low, high, theory, gd = np.array(points).T
    lines = np.transpose([mean, mean + norms / 40, mean - (w + 1) ** 2 / 2, mean + (w + 1) ** 2 / 2])
    left.plot(w, lines, label=["C", "$C_{SGD}$, step size 0.1", "minibatches 1, 3", "minibatches 2, 4"])
    left.set(xlabel="w, started at 0.03", ylabel="loss", ylim=(-0.25, 2.1))
    right.errorbar(steps, sgd, [low, high], fmt="o", color=BLUE, label="SGD")
    right.plot(steps, theory, color=VERMILION, label="theory: ridge of $C_{SGD}$, noise")
    right.plot(steps, gd, "D", color=GREEN, label="GD")
    right.set(xlabel="step size", ylabel="fraction that ends on the left")
    ends = between("GD on the left", gd.max(), 0, 0), between("SGD on the left", sgd[-1], 0.75, 1)
    return figure, *ends, between("largest error of the theory", np.abs(sgd - theory).max(), 0, 0.06)
