"""The distance between the mean of shuffled SGD and each flow, against the step size, on real data.

After one epoch it falls with order 2 for gradient flow and the flow of gradient descent, 3 for that of Smith
et al. (2021), and 4 with the next term; balanced sets of orders make even that visible.
"""

from paper import ladder, order_claims, panels, published, scaled
from setups import breast_cancer

import mcsgd
from mcsgd.plots import draw_orders


@published
def main(size):
    problem, start = breast_cancer()
    settings = mcsgd.Settings(0.006, trajectories=scaled(40, size, 8) * 4896, design="balanced")
    steps = ladder(0.006, size, least=6)
    found = mcsgd.study(problem, start, settings, {"step_size": steps}, exact=False).ladder(0.999)
    figure, (axes,) = panels(1, height=3.4)
    draw_orders(axes, found).set_title("breast cancer, logistic regression, one epoch of 18 minibatches")
    axes.legend(loc="lower right")
    return figure, *order_claims(found, 0.35, gradient=2, gd=2, sgd=3, second_order=4)
