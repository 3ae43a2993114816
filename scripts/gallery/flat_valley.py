"""In the flat valley a b = const of the toy, finite steps drift to where it is flattest, the least a^2 + b^2.

Gradient flow stops where it meets the valley, and GD soon after; SGD, whose minibatches disagree there, goes
on drifting along it, at a speed in proportion to the step size, as the flow on C_SGD says (lines).
"""

import numpy as np
from paper import BLUE, GREEN, between, ladder, panels, published, scaled, slope_of
from setups import TOY, TOY_START

import mcsgd

WAYS = {"random-order": ("SGD", "sgd", 4, BLUE, "o"), "full-batch": ("GD", "gd", 1, GREEN, "D")}


@published
def main(size):
    figure, (left, right) = panels(2)
    steps, lost, claims = ladder(0.01, size, 5), {}, []
    for sampling, (name, field, m, color, mark) in WAYS.items():
        drops = []
        for step in steps:
            epochs = np.linspace(0, 40 / step / m, 11).round().astype(int)[1:]
            count = scaled(2000, size, 200) if m > 1 else 1
            settings = mcsgd.Settings(step, epochs[-1], count, sampling=sampling, snapshots=epochs)
            squares = (mcsgd.simulate(TOY, TOY_START, settings).snapshots ** 2).sum(axis=2).mean(axis=0)
            own, plain = (mcsgd.integrate(TOY, TOY_START, settings, f) for f in (field, "gradient"))
            drops.append((plain.endpoint**2).sum() - [squares[-1], (own.endpoint**2).sum()])
            if step == steps[0]:
                left.plot(epochs * m * step, squares, mark, color=color)
                left.plot(own.time, (own.path**2).sum(axis=1), color=color)
        left.plot(plain.time, (plain.path**2).sum(axis=1), "k--", label="gradient flow" if m > 1 else None)
        drop, theory = lost[name] = np.array(drops).T
        right.loglog(steps, drop, mark, color=color, label=f"{name}: slope {slope_of(steps, drop):.2f}")
        right.loglog(steps, theory, color=color, lw=0.8)
        claims.append(between(f"{name}: slope of the drift", slope_of(steps, drop), 0.95, 1.05))
        claims.append(between(f"{name}: least drift over theory", drop[-1] / theory[-1], 0.95, 1.05))
    left.set(xlabel="flow time", ylabel=r"$a^2 + b^2$", title=f"step size {steps[0]:g}", ylim=(1.5, 1.9))
    right.set(xlabel="step size", ylabel=r"loss of $a^2 + b^2$ at time 40", title="against gradient flow")
    return figure, *claims, between("SGD drifts more, by", lost["SGD"][0][-1] / lost["GD"][0][-1], 10)
