"""The width of the cloud of endpoints: sample against predicted covariance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsgd.checks import Checks
from mcsgd.ensemble import Array, Ensemble
from mcsgd.errors import InputError
from mcsgd.plots.clouds import MOST_DOTS, draw_dots, finished_of, title_of
from mcsgd.plots.files import empty_figure, finish
from mcsgd.plots.styles import PREDICTED, SAMPLE
from mcsgd.projection import main_axes
from mcsgd.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["covariance_picture", "draw_covariance", "draw_ellipse"]

ELLIPSE_POINTS = 181


def covariance_picture(run: Run) -> Figure:
    """Draw `draw_covariance` as a whole figure.

    Raises
    ------
    InputError, DivergedError
        As `draw_covariance`.
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = empty_figure(6.4, 5.4)
    draw_covariance(figure.subplots(), run)
    return finish(figure, title_of(run))


def draw_covariance(axes: Axes, run: Run, parameters: Sequence[int] | None = None) -> Axes:
    """Draw the ellipses of the sample and of the predicted covariance, which hold 95% of a normal cloud.

    Both are centred at the mean of the endpoints, so that widths alone are compared. The endpoints themselves
    are drawn if they were kept, some thousands of them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    run : Run
        Of two parameters or more, with its predicted covariance:
        ``mcsgd.Run(cloud, predicted_covariance=predicted)`` will do.
    parameters : (int, int), optional
        Those that are the axes; by default, the two directions in which the cloud is widest.

    Returns
    -------
    matplotlib.axes.Axes
        The same.

    Raises
    ------
    InputError
        If there is nothing to compare, or no such parameters.
    DivergedError
        If no trajectory finished.
    """
    cloud = finished_of(run)
    predicted = _check(cloud, run.predicted_covariance, parameters)
    if parameters is None:
        plane = main_axes(cloud.covariance)
        names = [f"{which} principal direction" for which in ("first", "second")]
    else:
        plane = np.eye(cloud.start.size)[list(parameters)]
        names = [f"parameter {index} − mean" for index in parameters]
    if cloud.kept:
        x, y = plane @ (cloud.first_endpoints(MOST_DOTS) - _centre(cloud)).T
        draw_dots(axes, x, y, size=4)
    for covariance, style in ((predicted, PREDICTED), (cloud.covariance, SAMPLE)):
        draw_ellipse(axes, np.zeros(2), plane @ covariance @ plane.T, **style)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    return axes


def draw_ellipse(axes: Axes, mean: Array, covariance: Array, probability: float = 0.95, **style: Any) -> Axes:
    """Draw the ellipse that holds a share of a normal cloud of two parameters.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    mean : (2,)
    covariance : (2, 2)
        Of any rank: that of rank 1 gives a line.
    probability : float
        0 < probability < 1.
    **style
        Of matplotlib's `plot`.

    Returns
    -------
    matplotlib.axes.Axes
        The same.
    """
    checks = Checks()
    centre = checks.array("mean", mean, (2,), "two parameters")
    matrix = checks.array("covariance", covariance, (2, 2), "a covariance of two parameters")
    share = checks.number("probability", probability, above=0, below=1)
    checks.done()
    values, vectors = np.linalg.eigh(matrix)
    # A normal cloud of two dimensions is within r standard deviations with probability 1 - exp(-r^2 / 2).
    radii = np.sqrt(-2 * np.log1p(-share) * np.maximum(values, 0))
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_POINTS)
    points = centre[:, None] + (vectors * radii) @ np.stack([np.cos(angle), np.sin(angle)])
    axes.plot(*points, **style)
    return axes


def _check(cloud: Ensemble, predicted: Array | None, parameters: Sequence[int] | None) -> Array:
    """Return the predicted covariance, if all can be drawn."""
    checks, d = Checks(), cloud.start.size
    if predicted is None:
        raise InputError([("run", "must have a predicted covariance, got one without")])
    expected = checks.array("predicted_covariance", predicted, (d, d), "a covariance")
    if d < 2:
        checks.fail("run", f"must have two parameters or more, got {d}")
    if cloud.count < 2:
        checks.fail("run", f"must have two trajectories or more that finished, got {cloud.count}")
    if parameters is not None:
        pair = [
            checks.integer(f"parameters[{i}]", p, at_least=0, at_most=d - 1) for i, p in enumerate(parameters)
        ]
        if len(pair) != 2 or (not checks.issues and pair[0] == pair[1]):
            checks.fail("parameters", f"must be two different ones, got {list(parameters)}")
    checks.done()
    return expected


def _centre(cloud: Ensemble) -> Array:
    """Return the mean of the endpoints as simulated, which with a control variate is not `mean`."""
    return np.asarray(cloud.start + cloud.statistics.singles.mean)
