"""How far the theory reaches: in the step size, until m eps lambda_max is about 1; in time, without end.

Below 0.3 each order of the theory gains a factor of 8 and more on the toy, beyond 8 next to nothing. On a
convex loss errors do not pile up over many epochs: they settle where the flows do, at their minima.
"""

import numpy as np
from paper import between, ladder, panels, published, scaled
from setups import TOY, TOY_START, logistic

import mcsgd
from mcsgd.plots import field_style

FIELDS = ("gradient", "gd", "sgd", "second-order")
EPOCHS = np.array([1, 2, 4, 8, 12, 18, 25, 35, 50, 100, 200])


@published
def main(size):
    figure, (left, right) = panels(2, height=2.8)
    ways = {"trajectories": scaled(100_000, size, 10_000), "design": "reversed-pairs"}
    steps, settings = ladder(0.16, size, 8, least=6), mcsgd.Settings(0.16, 4, **ways)
    found = mcsgd.study(TOY, TOY_START, settings, {"step_size": steps}, FIELDS, exact=False).ladder()
    (problem, start), settings = logistic(), mcsgd.Settings(0.05, 200, snapshots=EPOCHS, **ways)
    means, late = mcsgd.simulate(problem, start, settings).snapshots.mean(axis=0), {}
    for field in FIELDS:
        flow = mcsgd.integrate(problem, start, settings, field)
        ends = flow.path[np.abs(flow.time[:, None] - EPOCHS * 8 * 0.05).argmin(axis=0)]
        left.loglog(found.range_numbers, found[field].distance, label=field, **field_style(field))
        right.loglog(EPOCHS, errors := np.linalg.norm(means - ends, axis=1), **field_style(field))
        late[field] = errors[-1]
    left.axvspan(1, 12, color="0.95")
    left.set(xlabel=r"$m \epsilon \lambda_{max}$", ylabel="distance of the mean", title="toy, 4 epochs")
    right.set(xlabel="epochs", ylabel="distance of the mean", title="logistic regression, step size 0.05")
    errors, reach = np.array([found[f].distance for f in FIELDS if f != "gd"]), found.range_numbers
    gains = errors[:-1] / errors[1:]
    near = between("least gain of an order below 0.3", gains[:, reach < 0.3].min(), 8)
    far = between("largest gain of an order beyond 8", gains[:, reach > 8].max(), 0, 1.3)
    left_over = late["second-order"] / late["gradient"]
    return figure, near, far, between("second-order over gradient, late", left_over, 0, 0.01)
