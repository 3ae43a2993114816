"""Several small steps on each minibatch before the next: it is the step size that biases SGD, not the epoch.

With n substeps of alpha = eps/n the penalty is (alpha/4m) sum_k |grad C_k|^2 (Smith et al. 2021): the
mean comes nearer to gradient flow as 1/n, while an epoch goes equally far and its cloud stays equally wide.
"""

import numpy as np
from paper import BLUE, between, order_claims, panels, published, scaled
from setups import TOY, TOY_START

import mcsgd
from mcsgd.plots import draw_orders


@published
def main(size):
    figure, (left, right) = panels(2)
    numbers, count = 2 ** np.arange(max(4, round(5 * size))), scaled(100_000, size, 5000)
    settings = mcsgd.Settings(0.002, trajectories=count, design="reversed-pairs")
    ways = {"vary": {"substeps": numbers}, "fields": ("gradient", "sgd")}
    draw_orders(left, found := mcsgd.study(TOY, TOY_START, settings, **ways).ladder())
    widths = []
    for number in numbers:
        cloud = mcsgd.simulate(TOY, TOY_START, mcsgd.Settings(0.002, trajectories=count, substeps=number))
        widths.append(np.sqrt(np.trace(cloud.covariance)))
    right.semilogx(numbers, 1e4 * np.array(widths), "o", base=2, color=BLUE)
    right.set(xlabel="substeps", ylabel=r"width of the cloud $\times 10^4$", ylim=(0, 2))
    right.set_xticks(numbers, numbers)
    nearer = order_claims(found, gradient=-1, sgd=-2)
    return figure, *nearer, between("width of the most over that of one", widths[-1] / widths[0], 0.9, 1.1)
