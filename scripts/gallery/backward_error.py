"""Backward error analysis: where Euler's method with a finite step size really goes.

Full-batch gradient descent on the a b x toy leaves gradient flow at first order in the step size, and follows
the modified flow on C + (eps/4)|grad C|^2 to second order (Barrett and Dherin 2021).
"""

import numpy as np
from paper import BLUE, between, ladder, order_claims, panels, published

import mcsgd
from mcsgd.plots import draw_orders, field_style


@published
def main(size):
    toy, start = mcsgd.problems.ScalarFactorization(x=[1.0], y=[0.6]), [2.8, 3.5]
    settings = mcsgd.Settings(0.01, epochs=32, sampling="full-batch", trajectories=1, paths=1)
    euler = mcsgd.simulate(toy, start, settings).paths[0]
    flows = {name: mcsgd.integrate(toy, start, settings, name) for name in ("gradient", "gd")}
    figure, (left, right) = panels(2)
    end = left.inset_axes([0.6, 0.06, 0.38, 0.36], xlim=(0.55, 0.9), ylim=(2.1, 2.27), xticks=[], yticks=[])
    for axes in (left, end):
        for name, flow in flows.items():
            axes.plot(*flow.path.T, label=f"{name} flow", **field_style(name) | {"marker": ""})
        axes.plot(*euler.T, ".", color=BLUE, label="Euler's steps")
    left.indicate_inset_zoom(end)
    left.set(xlabel="a", ylabel="b", title=f"paths, step size {settings.step_size:g}")
    left.legend(loc="upper left")
    steps, coarse = ladder(0.02, size), mcsgd.Settings(0.02, 16, 1, sampling="full-batch")
    found = mcsgd.study(toy, start, coarse, {"step_size": steps}, flows, fixed_time=True).ladder()
    draw_orders(right, found).set(title="distance at flow time 0.32")
    right.legend(loc="lower right")
    times = flows["gd"].time.searchsorted(0.01 * np.arange(33) - 1e-9)
    gaps = {name: np.linalg.norm(euler - flow.path[times], axis=1).max() for name, flow in flows.items()}
    claim = between("times nearer to gd than gradient flow, all along", gaps["gradient"] / gaps["gd"], 5, 10)
    return figure, claim, *order_claims(found, gradient=1, gd=2)
