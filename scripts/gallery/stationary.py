"""Where SGD of a constant step size settles: not at the minimum of C, and not at one point.

The mean settles near the minimum of C_SGD (Smith et al. 2021), which is off that of C by O(eps): to O(eps^2),
and to O(eps^3) with the next term of the theory; single trajectories in a cloud of width O(eps^(3/2)).
"""

import numpy as np
from paper import BLUE, between, ladder, panels, published, scaled, slope_of
from setups import logistic

import mcsgd
from mcsgd.plots import field_style

NAMES = {"gradient": "minimum of C", "sgd": "minimum of $C_{SGD}$", "second-order": "next order's zero"}


@published
def main(size):
    figure, (left, right) = panels(2)
    problem, start = logistic()
    steps, widths, gaps, claims = ladder(0.1, size, 5), [], [], []
    ways = {"trajectories": scaled(40_000, size, 8000), "design": "reversed-pairs"}
    (lowest,) = mcsgd.theory.minima(problem, start, mcsgd.Settings(0.1), ["gradient"])
    for step in steps:
        settings = mcsgd.Settings(step, round(8 / step), **ways)
        cloud = mcsgd.simulate(problem, lowest.point, settings)
        zeros = [mcsgd.theory.stationary_point(problem, settings, lowest.point, f).point for f in NAMES]
        gaps.append(np.linalg.norm(cloud.mean - zeros, axis=1))
        predicted = mcsgd.theory.stationary_covariance(problem, settings, zeros[-1])
        widths.append([np.sqrt(np.trace(one)) for one in (cloud.covariance, predicted)])
    for order, (field, name), gap in zip((1, 2, 3), NAMES.items(), np.transpose(gaps), strict=True):
        slope = slope_of(steps, gap)
        left.loglog(steps, gap, **field_style(field), label=f"{name}: {slope:.2f}")
        claims.append(between(f"order, to the zero of {field}", slope, order - 0.15, order + 0.15))
    width, theory = np.array(widths).T
    right.loglog(steps, width, "o", color=BLUE, label=f"sample: {slope_of(steps, width):.2f}")
    right.loglog(steps, theory, "k-", label="theory: 1.50")
    left.set(xlabel="step size", ylabel="distance of the mean", title="slopes")
    right.set(xlabel="step size", ylabel="width of the cloud", title="slopes")
    return figure, *claims, between("order of the width", slope_of(steps, width), 1.4, 1.6)
