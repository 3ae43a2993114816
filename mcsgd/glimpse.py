"""What is shown of an ensemble: nothing that takes long is computed for it, and nothing is raised."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from mcsgd.display import MOST_NUMBERS, Table, counted, number, pairs
from mcsgd.errors import McsgdError

if TYPE_CHECKING:
    from mcsgd.ensemble import Ensemble

__all__ = ["ensemble_line", "ensemble_tables"]

SOON_COMPUTED = 3e8
"""Work of the moments that a table may compute, n d (d + 32): a few tenths of a second, once."""


def ensemble_line(cloud: Ensemble) -> str:
    """Return an ensemble in a line."""
    trajectories = counted(cloud.count, "trajectory", "trajectories")
    parameters = counted(cloud.start.size, "parameter", "parameters")
    return f"Ensemble({trajectories}, {parameters}{_beside(cloud)})"


def ensemble_tables(cloud: Ensemble) -> list[Table]:
    """Return what an ensemble is of, and its mean where that is known or soon computed."""
    settings, per_unit = cloud.settings, cloud.trajectories_per_unit
    units = f" ({cloud.count // per_unit} {cloud.unit_name}s)" if per_unit > 1 else ""
    names = ("step_size", "epochs", "sampling", "design", "seed", *settings.extras)
    rows = [
        ("trajectories", f"{cloud.count}{units}{_beside(cloud)}"),
        ("parameters", str(cloud.start.size)),
        ("settings", pairs({name: getattr(settings, name) for name in names})),
        ("flow time", f"{cloud.flow_time:g} ({cloud.batches} batches an epoch)"),
    ]
    return [Table("Ensemble", (), rows), _mean(cloud)]


def _beside(cloud: Ensemble) -> str:
    """What is to be said of the trajectories beside their number."""
    try:
        text = f", {cloud.diverged} diverged" if cloud.diverged else ""
    except McsgdError:  # in a file that is no longer there
        text = ", not to be read"
    text += f", {cloud.left_out} diverged left out" if cloud.left_out else ""
    text += ", moments only" if not cloud.kept else ""
    return text + (", corrected" if cloud.is_corrected else "")


def _mean(cloud: Ensemble) -> Table:
    """Return the first coordinates of the mean, or why there are none."""
    caption = "Mean endpoint"
    if not _soon_known(cloud):
        return Table(caption, (), (), notes=["not computed yet; ask for .mean"])
    try:
        columns = zip(cloud.start, cloud.mean, cloud.standard_error, strict=True)
    except McsgdError as error:
        return Table(caption, (), (), notes=[str(error)])
    rows = [
        (str(index), f"{start:.6g}", f"{mean:.10g}", number(error, 2))
        for index, (start, mean, error) in enumerate(islice(columns, MOST_NUMBERS))
    ]
    more = cloud.start.size - len(rows)
    notes = [f"and {counted(more, 'more coordinate', 'more coordinates')}"] if more else []
    return Table(caption, ("coordinate", "start", "mean", "std. error"), rows, 3, notes)


def _soon_known(cloud: Ensemble) -> bool:
    """Whether the moments are known, or computed in no time."""
    if cloud.known_moments is not None or "moments" in vars(cloud):
        return True
    d = cloud.start.size
    return cloud.settings.trajectories * d * (d + 32) <= SOON_COMPUTED
