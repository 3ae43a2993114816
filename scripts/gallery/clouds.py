"""The cloud of endpoints of shuffled SGD from one start, its mean, gradient flow and the modified flows.

The mean lies off gradient flow by many standard errors, and far nearer to the flow of Smith et al. (2021).
"""

from paper import TOY, TOY_START, Claim, breast_cancer, panels, published, run_of, scaled

import mcsgd
from mcsgd.plots import draw_near, draw_whole


@published
def main(size):
    figure, axes = panels(2, height=5.4, rows=2)
    runs = {"toy": (TOY, TOY_START, 0.0075, 8), "breast cancer": (*breast_cancer(), 0.01, 1)}
    claims = []
    for (whole, near), (name, (problem, start, step, epochs)) in zip(
        axes.reshape(2, 2), runs.items(), strict=True
    ):
        settings = mcsgd.Settings(step, epochs, scaled(100_000, size), design="reversed-pairs", paths=6)
        run = run_of(problem, start, settings)
        draw_whole(whole, run).set_title(f"{name}: paths")
        draw_near(near, run).set_title(f"{name}: endpoints")
        far, close = (mcsgd.compare(run.cloud, run.flows[field]) for field in ("gradient", "sgd"))
        sigmas, gain = far.distance / far.distance_standard_error, far.distance / close.distance
        surely = far.distance_interval[0] > 5 * close.distance_interval[1]
        claims += [
            Claim(f"{name}: the mean is off gradient flow", f"{sigmas:.0f} standard errors", sigmas > 5),
            Claim(f"{name}: it is > 5 times nearer to the sgd flow", f"{gain:.1f} times", surely),
        ]
        for panel in (whole, near):
            panel.locator_params(nbins=5)
            if problem is TOY:
                panel.set(xlabel="a", ylabel="b")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure, claims


if __name__ == "__main__":
    main()
