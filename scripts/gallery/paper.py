"""What the figures share: the style, the page's width, and claims that are checked."""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from scipy.stats import binomtest, norm

import mcsgd
from mcsgd.errors import McsgdWarning

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "runs" / "gallery"
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


class Claim(NamedTuple):
    """What a figure claims, what was measured, and whether they agree."""

    text: str
    measured: str
    holds: bool


def published(draw: Callable[[float], tuple[Any, ...]]) -> Callable[..., list[Claim]]:
    """Make `main(size, folder)` of a function of the size that returns a figure and its claims.

    The figure's panels get letters and legends, and it is written as .svg and .png; its claims are printed
    under its name; SystemExit says which of them do not hold.
    """
    name = Path(inspect.getfile(draw)).stem

    @functools.wraps(draw)
    def main(size: float = 1.0, folder: str | Path = FOLDER) -> list[Claim]:
        with matplotlib.rc_context(fname=HERE / "paper.mplstyle"), warnings.catch_warnings():
            # Ladders reach out of the asymptotic range on purpose.
            warnings.simplefilter("ignore", McsgdWarning)
            figure, *claims = draw(size)
            _finish(figure)
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


def _finish(figure: Figure) -> None:
    """Letter the panels, add legends where there are none yet, and number short logarithmic axes sparsely."""
    for letter, axes in zip("abcdefgh", figure.axes, strict=False):
        if len(figure.axes) > 1:
            axes.set_title(f"({letter}) {axes.get_title('left')}")
        if axes.get_legend_handles_labels()[0] and not axes.get_legend() and not figure.legends:
            axes.legend()
        low, high = axes.get_xlim()
        if isinstance(axes.xaxis.get_major_locator(), LogLocator) and high < 50 * low:
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())


def panels(columns: int, height: float = 2.5, rows: int = 1) -> tuple[Figure, np.ndarray]:
    """Return a figure as wide as a page, and its axes."""
    figure = Figure(figsize=(6.75, height))
    axes = np.ravel(figure.subplots(rows, columns))
    return figure, axes


def scaled(number: float, size: float, least: int = 2) -> int:
    """Return an even number in proportion to the size of the run."""
    return max(int(number * size), least) // 2 * 2


def between(text: str, value: float, low: float, high: float = math.inf) -> Claim:
    """Return the claim that a measured number lies between two others."""
    expected = f"> {low:.4g}" if math.isinf(high) else f"{low:.4g} to {high:.4g}"
    return Claim(f"{text}: {expected}", f"{value:.4g}", bool(low <= value <= high))


def order_claims(found: mcsgd.Ladder, within: float = 0.15, **orders: float) -> list[Claim]:
    """Return the claims that the intervals of a ladder's orders lie within so much of these, by field."""
    claims = []
    for name, expected in orders.items():
        one = found[name.replace("_", "-")]
        low, high = one.order_interval
        text = f"order of the distance to {one.field}: {expected - within:.4g} to {expected + within:.4g}"
        measured = f"{one.order:.3f} ({low:.3f} to {high:.3f})"
        claims.append(Claim(text, measured, expected - within <= low <= high <= expected + within))
    return claims


def slope_of(x: np.ndarray, y: np.ndarray) -> float:
    """Return the slope of a straight line fitted to positive numbers on logarithmic axes."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def ladder(largest: float, size: float, most: int = 6, least: int = 4) -> np.ndarray:
    """Return so many numbers, each half of the one before."""
    return largest / 2.0 ** np.arange(max(least, round(most * size)))


def normal_cdf(x: float) -> float:
    """Return the probability that a standard normal number is below x."""
    return float(norm.cdf(x))


def wilson(hits: np.ndarray) -> np.ndarray:
    """Return the fraction of hits, and its error bars down and up: Wilson's interval, 99.9%."""
    fraction = np.mean(hits)
    interval = binomtest(int(np.sum(hits)), hits.size).proportion_ci(0.999, "wilson")
    return np.array([fraction, fraction - interval.low, interval.high - fraction])
