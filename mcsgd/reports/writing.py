"""From a result to the file of its page."""

from __future__ import annotations

import os
from pathlib import Path

from mcsgd.comparison import check_confidence
from mcsgd.plots.files import check_drawing, empty_figure
from mcsgd.reports.blocks import to_html
from mcsgd.reports.run_page import run_page
from mcsgd.run import Run
from mcsgd.storage.output import new_file
from mcsgd.storage.read import load

__all__ = ["report"]

SUFFIXES = (".html", ".htm")


def report(
    run: Run | str | os.PathLike[str],
    path: str | os.PathLike[str],
    confidence: float = 0.95,
    replace: bool = False,
) -> Path:
    """Write a page about a run: question, verdict, figures, settings, how to run it again, provenance.

    The page is one HTML file with style and figures in it, and loads nothing: it can be sent by mail, read
    on a phone, and printed. It says which figures are not there, because moments alone were kept, say, or
    there are no snapshots. The same run gives the same bytes.

    Parameters
    ----------
    run : Run, or path
        With its file's path, the page names the file. Nothing but the file is needed, and no numba.
    path : path
        The page, ending in .html.
    confidence : float
        Between 0 and 1: of the intervals and the tests.
    replace : bool
        Whether a file that is at `path` is replaced.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        If an argument is wrong, there is no such run, or nothing can be written at `path`.
    OutputExistsError
        If something is at `path`, and `replace` is not set.
    MissingExtraError
        If matplotlib is not installed.
    FileFormatError
        If the file is not a run, or is damaged.
    WriteError
        If the page cannot be written.

    Examples
    --------
    >>> import tempfile, mcsgd
    >>> problem = mcsgd.problems.ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> settings = mcsgd.Settings(step_size=0.01, trajectories=100)
    >>> cloud = mcsgd.simulate(problem, [1.0, 0.5], settings)
    >>> flow = mcsgd.integrate(problem, [1.0, 0.5], settings, "sgd")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mcsgd.report(mcsgd.Run(cloud, {"sgd": flow}), f"{folder}/toy.html").name
    'toy.html'
    """
    source = None if isinstance(run, Run) else Path(run)
    target = check_drawing(path, SUFFIXES, replace, source)
    check_confidence(confidence)
    empty_figure(1, 1)  # raises where matplotlib is not installed
    name = None if source is None else source.name
    text = to_html(run_page(run if isinstance(run, Run) else load(run), name, confidence))
    with new_file(target, replace) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target
