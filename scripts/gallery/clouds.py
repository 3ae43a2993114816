"""The cloud of endpoints of shuffled SGD from one start, its mean, gradient flow and the modified flows.

The mean lies off gradient flow by many standard errors, and far nearer to the flow of Smith et al. (2021).
"""

from paper import between, panels, published, scaled
from setups import TOY, TOY_START, breast_cancer, run_of

import mcsgd
from mcsgd.plots import draw_near, draw_whole


@published
def main(size):
    figure, axes = panels(2, height=5.4, rows=2)
    runs = {"toy": (TOY, TOY_START, 0.0075, 8), "breast cancer": (*breast_cancer(), 0.01, 1)}
    claims = []
    for row, (name, (problem, start, step, epochs)) in enumerate(runs.items()):
        settings = mcsgd.Settings(step, epochs, scaled(100_000, size), design="reversed-pairs", paths=6)
        run = run_of(problem, start, settings)
        draw_whole(axes[2 * row], run).set_title(f"{name}: paths")
        draw_near(axes[2 * row + 1], run).set_title(f"{name}: endpoints")
        far, near = (mcsgd.compare(run.cloud, run.flows[field], 0.999) for field in ("gradient", "sgd"))
        sigmas, gain = far.distance / far.distance_standard_error, far.distance / near.distance
        claims += [
            between(f"{name}: standard errors off gradient flow", sigmas, 100),
            between(f"{name}: times nearer to the sgd flow", gain, 8),
        ]
    for panel in axes:
        panel.locator_params(nbins=5)
    for panel in axes[:2]:
        panel.set(xlabel="a", ylabel="b")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure, *claims
