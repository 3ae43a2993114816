"""The cloud of endpoints after 25 epochs, and the ellipse that theory predicts to hold 95% of a normal one.

Its width depends on the sampling: variances of order eps^3 with fresh orders, eps^2 with one order for all
epochs, eps with replacement; with one order it is wide and not normal: the predicted ellipse holds 99%.
"""

import numpy as np
from paper import between, panels, published, scaled
from setups import logistic

import mcsgd
from mcsgd.plots import draw_covariance

SHARES = {"random-order": 0.95, "reshuffle-examples": 0.95, "shuffle-once": 0.99, "with-replacement": 0.95}


@published
def main(size):
    figure, panes = panels(2, height=5.0, rows=2)
    (problem, start), claims = logistic(), []
    for axes, (sampling, share) in zip(panes, SHARES.items(), strict=True):
        settings = mcsgd.Settings(0.02, 25, scaled(100_000, size, 10_000), sampling=sampling)
        cloud = mcsgd.simulate(problem, start, settings)
        predicted = mcsgd.theory.predicted_covariance(problem, start, settings)
        width = np.sqrt(np.trace(cloud.covariance) / np.trace(predicted))
        claims.append(between(f"{sampling}: width over predicted", width, 0.97, 1.03))
        run = mcsgd.Run(cloud, predicted_covariance=predicted)
        draw_covariance(axes, run, parameters=(0, 1)).set_title(sampling)
        points, expected = (cloud.endpoints - cloud.mean)[:, :2], predicted[:2, :2]
        inside = np.einsum("ni,ij,nj->n", points, np.linalg.inv(expected), points) < 5.991
        claims.append(between(f"{sampling}: share within", inside.mean(), share - 0.01, share + 0.01))
    figure.legend(*panes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure, *claims
