"""The implicit penalty of SGD, made explicit: a network on digits, trained for one flow time in two ways.

The larger the step the smaller C_reg = mean |grad C_k|^2 at the end; a tiny step on it as a penalty does so.
"""

import numpy as np
from paper import BLACK, BLUE, ORANGE, between, ladder, panels, published, scaled, slope_of
from setups import digits

import mcsgd


def end(problem, start, step, trajectories):
    settings = mcsgd.Settings(step, round(96 / step / 6), trajectories, design="reversed-pairs")
    return mcsgd.simulate(problem, start, settings).mean


@published
def main(size):
    figure, (left, middle, right) = panels(3, height=2.3)
    network, accuracy = digits(batch_size=100)  # 6 minibatches
    start = np.random.default_rng(0).normal(scale=0.2, size=network.parameters)
    steps, count, regs, hits = ladder(0.16, size, 4, least=3), scaled(64, size, 16), [], []
    tiny = steps[-1] / 2
    plain, sgd = end(network, start, tiny, count), [end(network, start, step, count) for step in steps]
    explicit = [end(mcsgd.problems.Penalized(network, step - tiny), start, tiny, 2) for step in steps]
    for ends, mark, color, name in ((sgd, "o-", BLUE, "SGD"), (explicit, "s--", ORANGE, "explicit penalty")):
        regs.append(np.array([(network.gradients(w) ** 2).sum(axis=1).mean() for w in ends]))
        hits.append(np.array([accuracy(w) for w in ends]))
        left.plot(steps, 100 * regs[-1], mark, color=color, label=name)
        right.plot(steps, 100 * hits[-1], mark, color=color)
    apart = np.linalg.norm(np.array(sgd) - explicit, axis=1)
    middle.loglog(steps, np.linalg.norm(sgd - plain, axis=1), "^-", color=BLACK, label="to a tiny step")
    middle.loglog(steps, apart, "s--", color=ORANGE, label="to explicit penalty")
    left.set(xlabel="step size", ylabel=r"$C_{reg} \times 100$ at the mean's end")
    middle.set(xlabel="step size", ylabel="distance of SGD's mean end")
    right.set(xlabel="step size", ylabel="test accuracy, %", ylim=(88, 93))
    reg = between("C_reg, largest over smallest step", regs[0][0] / regs[0][-1], 0.9, 0.96)
    same = between("difference in test accuracy", np.abs(hits[0] - hits[1]).max(), 0, 0.008)
    return figure, reg, same, between("order of distance to explicit", slope_of(steps, apart), 1.8, 2.2)
