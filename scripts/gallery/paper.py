"""What the figures share: the style, the page's width, claims that are checked, and the problems."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import mcsgd
from mcsgd.errors import McsgdWarning

HERE = Path(__file__).resolve().parent
DATA, FOLDER = HERE.parents[1] / "data", HERE.parents[1] / "runs" / "gallery"
BLUE, VERMILION, GREEN, SKY, ORANGE, PINK, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#56B4E9",
    "#E69F00",
    "#CC79A7",
    "#000000",
)
"""Okabe and Ito's colours."""

TOY, TOY_START = mcsgd.problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9]), [1.4, 1.9]
"""The a b x toy with four minibatches that no (a, b) fits at once."""


class Claim(NamedTuple):
    """What a figure claims, what was measured, and whether they agree."""

    text: str
    measured: str
    holds: bool


def published(draw: Callable[[float], tuple[Figure, list[Claim]]]) -> Callable[..., list[Claim]]:
    """Make `main(size, folder)` of a function of the size that gives a figure and its claims.

    The figure's panels are lettered, and it is written as .svg and .png; its claims are printed under its name; SystemExit says which of
    them do not hold.
    """
    name = Path(inspect.getfile(draw)).stem

    @functools.wraps(draw)
    def main(size: float = 1.0, folder: str | Path = FOLDER) -> list[Claim]:
        with matplotlib.rc_context(fname=HERE / "paper.mplstyle"), warnings.catch_warnings():
            # Ladders reach out of the asymptotic range on purpose.
            warnings.simplefilter("ignore", McsgdWarning)
            figure, claims = draw(size)
            if len(figure.axes) > 1:
                for letter, axes in zip("abcdefgh", figure.axes, strict=False):
                    axes.set_title(f"({letter}) {axes.get_title('left')}")
            Path(folder).mkdir(parents=True, exist_ok=True)
            for suffix in ("svg", "png"):
                metadata = {"Date": None} if suffix == "svg" else None  # the same bytes each time
                figure.savefig(Path(folder) / f"{name}.{suffix}", metadata=metadata)
        print(name)
        for claim in claims:
            print(f"  {claim.text}: {claim.measured}{'' if claim.holds else '   NOT SO'}")
        if broken := [f"{claim.text}: {claim.measured}" for claim in claims if not claim.holds]:
            raise SystemExit(f"{name} does not show what it claims: " + "; ".join(broken))
        return claims

    return main


def panels(columns: int, height: float = 2.5, rows: int = 1) -> tuple[Figure, np.ndarray]:
    """Return a figure as wide as a page, and its axes."""
    figure = Figure(figsize=(6.75, height))
    axes = np.ravel(figure.subplots(rows, columns))
    return figure, axes


def scaled(number: float, size: float, least: int = 2) -> int:
    """Return an even number in proportion to the size of the run."""
    return max(int(number * size), least) // 2 * 2


def order_claims(found: mcsgd.Study, within: float = 0.35, **orders: float) -> list[Claim]:
    """Return the claims that the intervals of a study's orders lie within so much of these, by field."""
    claims = []
    for name, expected in orders.items():
        one = found[name.replace("_", "-")]
        low, high = one.order_interval
        text = f"distance to {one.field} falls with order {expected:g}, within {within:g}"
        measured = f"{one.order:.3f} ({low:.3f} to {high:.3f})"
        claims.append(Claim(text, measured, expected - within < low <= high < expected + within))
    return claims


def breast_cancer() -> tuple[mcsgd.problems.Problem, np.ndarray]:
    """Return logistic regression on the data of that name, 18 minibatches, and a start."""
    experiment = mcsgd.Experiment.read(DATA / "breast_cancer.toml")
    return experiment.problem, experiment.start


def run_of(problem: mcsgd.problems.Problem, start: np.ndarray, settings: mcsgd.Settings) -> mcsgd.Run:
    """Return the cloud of endpoints together with the flows that theory has for these settings."""
    fields = mcsgd.theory.default_fields(problem, settings)
    flows = {field: mcsgd.integrate(problem, start, settings, field) for field in fields}
    return mcsgd.Run(mcsgd.simulate(problem, start, settings), flows)
