"""From a result to the file of its page."""

from __future__ import annotations

import os
from pathlib import Path

from mcsgd.comparable import check_confidence
from mcsgd.plots.files import check_drawing, empty_figure
from mcsgd.reports.blocks import to_html
from mcsgd.reports.run_page import run_page
from mcsgd.reports.study_page import study_page
from mcsgd.run import Run
from mcsgd.storage import load
from mcsgd.storage.output import new_file
from mcsgd.studies.study import Study

__all__ = ["report"]

SUFFIXES = (".html", ".htm")


def report(
    result: Run | Study | str | os.PathLike[str],
    path: str | os.PathLike[str],
    confidence: float = 0.95,
    replace: bool = False,
) -> Path:
    """Write a page about a run or a study: answer, figures, settings, how to run it again, provenance.

    The page is one HTML file with style and figures in it, and loads nothing: it can be sent by mail, read
    on a phone, and printed. It says which figures are not there, because moments alone were kept, say, or
    there are no snapshots. The same file gives the same bytes.

    Parameters
    ----------
    result : Run, Study, or path
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
        If an argument is wrong, there is no such file, or nothing can be written at `path`.
    OutputExistsError
        If something is at `path`, and `replace` is not set.
    MissingExtraError
        If matplotlib is not installed.
    FileFormatError
        If the file is neither, or is damaged.
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
    source = None if isinstance(result, Run | Study) else Path(result)
    target = check_drawing(path, SUFFIXES, replace, source)
    check_confidence(confidence)
    empty_figure(1, 1)  # raises where matplotlib is not installed
    name = None if source is None else source.name
    found = result if isinstance(result, Run | Study) else load(result)
    if isinstance(found, Study):
        page = study_page(found, name, confidence)
    else:
        page = run_page(found, name, confidence)
    with new_file(target, replace) as temporary:
        temporary.write_text(to_html(page), encoding="utf-8")
    return target
