"""What is shown of an ensemble: nothing that takes long is computed for it, and nothing is raised."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from mcsgd.display import MOST_NUMBERS, Table, counted, measured, number, pairs
from mcsgd.errors import McsgdError
from mcsgd.schemes import DESIGNS, SAMPLINGS

if TYPE_CHECKING:
    from mcsgd.ensemble import Ensemble

__all__ = ["about_ensemble", "ensemble_line", "mean_table"]

SOON_COMPUTED = 3e8
"""Work of the moments that a table may compute, n d (d + 32): a few tenths of a second, once."""


def ensemble_line(cloud: Ensemble) -> str:
    """Return an ensemble in a line."""
    trajectories, parameters = counted(cloud.count, "trajectory"), counted(cloud.start.size, "parameter")
    return f"Ensemble({trajectories}, {parameters}{_beside(cloud)})"


def about_ensemble(
    cloud: Ensemble, experiment: Mapping[str, Any] | None = None, examples: int | None = None
) -> list[tuple[str, str]]:
    """Return what an ensemble is of, in rows of a name and what it is.

    Parameters
    ----------
    cloud : Ensemble
    experiment : mapping, optional
        Sections of the experiment file; of the settings, the ensemble's are shown.
    examples : int, optional
        How many the problem has, where that is known.
    """
    settings, per_unit = cloud.settings, cloud.trajectories_per_unit
    known = {**(experiment or {}), **settings.as_tables(defaults=False)}
    first = {name: known[name] for name in ("problem", "start", "sgd", "ensemble") if name in known}
    units = f" ({counted(cloud.count // per_unit, cloud.unit_name)})" if per_unit > 1 else ""
    sizes = [counted(cloud.start.size, "parameter")]
    sizes += [] if examples is None else [counted(examples, "example")]
    return [
        *((name, pairs(values)) for name, values in (first | known).items() if name not in ("study", "flow")),
        ("sampling", SAMPLINGS[settings.sampling].summary),
        *([] if cloud.deterministic else [("design", DESIGNS[settings.design].summary)]),
        ("trajectories", f"{cloud.count}{units}{_beside(cloud)}"),
        ("size", f"{', '.join(sizes)}, {counted(cloud.batches, 'batch')} an epoch"),
        ("flow time", f"{cloud.flow_time:g}"),
    ]


def mean_table(cloud: Ensemble) -> Table:
    """Return the first coordinates of the mean where it is known or soon computed, or why there are none."""
    caption = "Mean endpoint"
    if not _soon_known(cloud):
        return Table(caption, (), (), notes=["not computed yet; ask for .mean"])
    try:
        columns = zip(cloud.start, cloud.mean, cloud.standard_error, strict=True)
    except McsgdError as error:
        return Table(caption, (), (), notes=[str(error)])
    rows = [
        (str(index), f"{start:.6g}", measured(mean, error), number(error, 2))
        for index, (start, mean, error) in enumerate(islice(columns, MOST_NUMBERS))
    ]
    more = cloud.start.size - len(rows)
    notes = [f"and {counted(more, 'more coordinate')}"] if more else []
    return Table(caption, ("coordinate", "start", "mean", "std. error"), rows, 3, notes)


def _beside(cloud: Ensemble) -> str:
    """What is to be said of the trajectories beside their number."""
    try:
        text = f", {cloud.diverged} diverged" if cloud.diverged else ""
    except McsgdError:  # in a file that is no longer there
        text = ", not to be read"
    text += f", {cloud.left_out} diverged left out" if cloud.left_out else ""
    text += ", moments only" if not cloud.kept else ""
    return text + (", corrected" if cloud.is_corrected else "")


def _soon_known(cloud: Ensemble) -> bool:
    """Whether the moments are known, or computed in no time."""
    if cloud.known_moments is not None or "moments" in vars(cloud):
        return True
    d = cloud.start.size
    return cloud.settings.trajectories * d * (d + 32) <= SOON_COMPUTED
