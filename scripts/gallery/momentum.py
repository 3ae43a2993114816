"""Heavy-ball momentum in random order: the step and the penalty on the minibatches' gradients both grow.

The flow on the losses modified for momentum is followed to second order, gradient flow to first only. At one
effective step h/(1 - beta) the mean leaves gradient flow as far as sgd's says; gd's, blind to batches, less.
"""

import numpy as np
from paper import BLUE, between, ladder, order_claims, panels, published, scaled
from setups import flow_ends, logistic

import mcsgd
from mcsgd.plots import draw_orders, field_style


@published
def main(size):
    figure, (left, right) = panels(2)
    problem, start = logistic()
    ways = {"trajectories": scaled(200_000, size, 40_000), "design": "reversed-pairs"}
    settings, steps = mcsgd.Settings(0.008, 20, momentum=0.8, **ways), ladder(0.016, size, 5)
    fields = {"fields": ("gradient", "sgd"), "fixed_time": True}
    found = mcsgd.study(problem, start, settings, {"step_size": steps}, **fields).ladder()
    draw_orders(left, found).set(title="momentum 0.8, one flow time")
    betas, gaps = np.linspace(0, 0.8, max(5, round(9 * size))), []
    for beta in betas:
        settings = mcsgd.Settings(0.02 * (1 - beta), 40, momentum=beta, **ways)
        mean = mcsgd.simulate(problem, start, settings).mean
        ends = flow_ends(problem, start, settings, "gradient", "gd", "sgd")
        gaps.append([np.linalg.norm(end - ends[0]) for end in (mean, *ends[1:])])
    mean, gd, sgd = 1000 * np.array(gaps).T
    right.plot(betas, mean, "o", color=BLUE, label="mean of SGD")
    right.plot(betas, gd, label="gd flow", **field_style("gd") | {"marker": ""})
    right.plot(betas, sgd, label="sgd flow", **field_style("sgd") | {"marker": ""})
    right.set(
        xlabel="momentum", ylabel=r"leaves gradient flow by, $\times 10^3$", title="h/(1 - beta) = 0.02"
    )
    claims = order_claims(found, 0.25, gradient=1, sgd=2)
    claims.append(between("predicted by sgd over measured, least", (sgd / mean).min(), 0.88, 1.02))
    return figure, *claims, between("predicted by gd over measured, least", (gd / mean).min(), 0, 0.3)
