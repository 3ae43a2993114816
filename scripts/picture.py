"""Draw the picture of the README, or check that what it shows can be computed again.

    python scripts/picture.py              # writes data/overview.png
    python scripts/picture.py --check      # computes its numbers again, and compares them

The numbers are in the picture's metadata, under Description.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import mcsgd
from mcsgd.plots import draw_near, draw_orders

ROOT = Path(__file__).resolve().parents[1]
PICTURE, STYLE = ROOT / "data" / "overview.png", ROOT / "scripts" / "gallery" / "paper.mplstyle"
AGREE = 1e-3
"""To which the smallest distances, of 1e-11, are known beside other processors' rounding."""


def toy() -> mcsgd.Run:
    """Return 1000 trajectories of the a b x toy, and its flows."""
    problem = mcsgd.problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
    start, settings = [1.4, 1.9], mcsgd.Settings(0.0075, epochs=8, trajectories=1000, design="reversed-pairs")
    fields = mcsgd.theory.default_fields(problem, settings)
    flows = {field: mcsgd.integrate(problem, start, settings, field) for field in fields}
    return mcsgd.Run(mcsgd.simulate(problem, start, settings), flows)


def orders() -> mcsgd.Ladder:
    """Return the distances of logistic regression on the breast cancer data, over five step sizes."""
    given = mcsgd.Experiment.read(ROOT / "data" / "breast_cancer.toml")
    settings = mcsgd.Settings(0.004, trajectories=8 * 4896, design="balanced")
    steps = 0.004 / 2.0 ** np.arange(5)
    return mcsgd.study(given.problem, given.start, settings, {"step_size": steps}, exact=False).ladder()


def numbers(run: mcsgd.Run, ladder: mcsgd.Ladder) -> dict[str, Any]:
    """Return what the picture shows."""
    ends = {field: flow.endpoint.tolist() for field, flow in run.flows.items()}
    distances = {one.field: one.distance.tolist() for one in ladder.fields}
    return {"mean": run.cloud.mean.tolist(), "flows": ends, "distances": distances}


def draw(run: mcsgd.Run, ladder: mcsgd.Ladder) -> Figure:
    """Return the cloud and the flows of the toy, beside the distances on real data."""
    figure = Figure(figsize=(6.75, 2.9))
    near, sizes = figure.subplots(1, 2)
    draw_near(near, run).set(xlabel="a", ylabel="b", title="where SGD ends: the toy, 1000 trajectories")
    near.locator_params(nbins=5)
    notes = {"fontsize": 7, "textcoords": "offset points"}
    near.annotate("mean", run.cloud.mean, (-6, 9), horizontalalignment="right", **notes)
    near.annotate("cloud of endpoints", run.cloud.mean, (12, -12), **notes)
    draw_orders(sizes, ladder, slopes=False).set_title("distance of the mean: breast cancer data")
    slopes = [
        f"{one.field} flow (slope {one.slopes[-1]:.2f})" for one in ladder.fields
    ]  # at the smallest steps
    marks = sizes.get_legend_handles_labels()[0]
    figure.legend(marks, slopes, loc="outside lower center", ncols=4, columnspacing=1.5, handletextpad=0.3)
    return figure


def main(arguments: list[str]) -> None:
    """Draw, or check."""
    run, ladder = toy(), orders()
    found = numbers(run, ladder)
    if arguments == ["--check"]:
        there = json.loads(Image.open(PICTURE).text["Description"])
        if not agree(found, there):
            sys.exit(f"{PICTURE} shows other numbers: {there}, and not {found}. Draw it again")
        print(f"{PICTURE} shows what is computed")
        return
    with matplotlib.rc_context(fname=STYLE):
        metadata = {"Software": None, "Description": json.dumps(found)}
        draw(run, ladder).savefig(PICTURE, dpi=160, metadata=metadata)
    print(f"Written to {PICTURE}")


def agree(one: Any, other: Any) -> bool:
    """Whether nested numbers are the same ones."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(agree(one[key], other[key]) for key in one)
    return bool(np.allclose(one, other, rtol=AGREE, atol=0))


if __name__ == "__main__":
    main(sys.argv[1:])
