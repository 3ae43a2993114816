"""Minibatches drawn with and without replacement have different mean paths, and clouds of different widths.

Without replacement the mean follows C + (eps/4m) sum_k |grad C_k|^2, with it C + (eps/4)|grad C|^2, as if
there were no minibatches. After one epoch the cloud's width falls as eps^2 without, and as eps with.
"""

import numpy as np
from paper import BLUE, ORANGE, between, ladder, panels, published, scaled, slope_of
from setups import TOY, TOY_START

import mcsgd

WAYS = {"without": ("random-order", 1, 2, BLUE, "o"), "with": ("with-replacement", 0, 1, ORANGE, "s")}


@published
def main(size):
    figure, (left, right) = panels(2)
    steps, count, claims = ladder(0.003, size), scaled(4e7, size, 2_000_000), []
    for name, (sampling, own, order, color, mark) in WAYS.items():
        settings = [mcsgd.Settings(step, sampling=sampling, trajectories=count) for step in steps]
        clouds = [mcsgd.simulate(TOY, TOY_START, one, keep_cloud=False) for one in settings]
        flows = [mcsgd.integrate(TOY, TOY_START, settings[0], field) for field in ("gd", "sgd")]
        gaps = [mcsgd.compare(clouds[0], flow, confidence=0.999) for flow in flows]
        distance = np.array([gap.distance for gap in gaps])
        bars = np.abs(np.array([gap.distance_interval for gap in gaps]).T - distance)
        left.errorbar(["gd flow", "sgd flow"], 1e3 * distance, 1e3 * bars, fmt=mark, color=color)
        surely = gaps[1 - own].distance_interval[0] / gaps[own].distance_interval[1]
        claims.append(between(f"{name}: nearer to {gaps[own].field} flow by a factor of", surely, 3))
        widths = np.array([np.sqrt(np.trace(cloud.covariance)) for cloud in clouds])
        slope = slope_of(steps[-4:], widths[-4:])
        right.loglog(steps, widths, mark, color=color, label=f"{name} replacement: slope {slope:.2f}")
        right.loglog(steps, widths[-1] * (steps / steps[-1]) ** order, color=color, lw=0.8)
        claims.append(between(f"{name}: slope of the width", slope, order - 0.1, order + 0.1))
    left.set(ylabel=r"distance of the mean $\times 10^3$", xlim=(-0.5, 1.5), ylim=0)
    left.set_title(f"{count / 1e6:g} million trajectories, step size {steps[0]:g}")
    right.set(xlabel="step size", ylabel="standard deviation", title="width of the cloud")
    return figure, *claims
