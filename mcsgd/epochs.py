"""The mean against the flows on the way: after the epochs whose snapshots were kept, and at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mcsgd.checks import Checks
from mcsgd.comparable import check_comparable, listed
from mcsgd.comparison import Comparison, compare
from mcsgd.ensemble import Array, Ensemble
from mcsgd.flow import PATH_ACCURACY, Flow
from mcsgd.moments import EnsembleMoments
from mcsgd.rows import Rows

__all__ = ["compare_by_epoch"]

AT_ONCE = 2**24
"""Numbers of covariances that are in memory at once."""

SAME_TIME = 1e-9
"""Of an epoch: times that differ by less are the same but for rounding."""


def compare_by_epoch(
    cloud: Ensemble, flows: Iterable[Flow], confidence: float = 0.95, epochs: Sequence[int] | None = None
) -> dict[str, dict[int, Comparison]]:
    """Compare the mean with flows after every epoch that snapshots were kept of, and after the last.

    A flow's path has a point at the end of every epoch (up to 10 000 epochs, or with a schedule),
    interpolated between the integrator's steps to a relative error of about 1e-9, which is added to the
    standard error; at the last epoch it is the endpoint, as in `compare`. Nothing is interpolated here:
    epochs at whose end a path has no point, because it ended before or there are more epochs, are left out
    for that flow.

    Snapshots have no control variate: with that design, standard errors before the last epoch are those of
    independent trajectories.

    Parameters
    ----------
    cloud : Ensemble
    flows : iterable of Flow
    confidence : float
        As for `compare`.
    epochs : sequence of int, optional
        Some of those that snapshots were kept of, or the last; all by default.

    Returns
    -------
    dict of dict of Comparison
        By the name of the field, then by the number of epochs done.

    Raises
    ------
    InputError
        If `confidence` is out of range, a flow has another number of parameters, or there is no snapshot of
        an epoch.
    DivergedError
        If a trajectory diverged. `cloud.finished()` can be compared.

    Examples
    --------
    >>> import mcsgd
    >>> problem = mcsgd.problems.ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
    >>> settings = mcsgd.Settings(step_size=0.01, epochs=8, snapshots=[2, 4])
    >>> cloud = mcsgd.simulate(problem, [1.0, 0.5], settings)
    >>> flow = mcsgd.integrate(problem, [1.0, 0.5], settings, "gradient")
    >>> found = mcsgd.compare_by_epoch(cloud, [flow])["gradient"]
    >>> {epoch: f"{comparison.distance:.0e}" for epoch, comparison in found.items()}
    {2: '5e-04', 4: '8e-04', 8: '1e-03'}
    """
    flows = listed(flows)
    check_comparable(cloud, flows, confidence)
    last = cloud.settings.epochs
    chosen = _check_epochs(cloud, epochs)
    found: dict[str, dict[int, Comparison]] = {flow.field: {} for flow in flows}
    for epoch, then in _earlier(cloud, [epoch for epoch in chosen if epoch < last]):
        duration = then.flow_time - _time_after(cloud, epoch - 1)
        for flow in flows:
            piece = _until(flow, then.flow_time, SAME_TIME * duration)
            if piece is not None:
                found[flow.field][epoch] = compare(then, piece, confidence, PATH_ACCURACY)
    if last in chosen:
        for flow in flows:
            if not flow.message:
                found[flow.field][last] = compare(cloud, flow, confidence)
    return found


def _check_epochs(cloud: Ensemble, epochs: Sequence[int] | None) -> list[int]:
    """Return the epochs to compare at, in order."""
    _ = cloud.statistics  # raises where trajectories diverged
    settings, checks = cloud.settings, Checks()
    there = sorted({*(settings.snapshots if cloud.kept else ()), settings.epochs})
    if epochs is None:
        return there
    chosen = sorted({checks.integer(f"epochs[{i}]", epoch, at_least=1) for i, epoch in enumerate(epochs)})
    if not checks.issues and not set(chosen) <= set(there):
        checks.fail("epochs", f"must be among those that snapshots were kept of, {there}; got {chosen}")
    checks.done()
    return chosen


def _earlier(cloud: Ensemble, epochs: Sequence[int]) -> Iterator[tuple[int, Ensemble]]:
    """Yield the statistics of the ensemble as it was after each of these epochs."""
    size = max(AT_ONCE // cloud.start.size**2, 1)
    for first in range(0, len(epochs), size):
        for epoch, moments in _moments(cloud, epochs[first : first + size]).items():
            origin = replace(cloud.origin, flow_time=_time_after(cloud, epoch))
            yield epoch, Ensemble(origin, None, moments, cloud.left_out)


def _moments(cloud: Ensemble, epochs: Sequence[int]) -> Mapping[int, EnsembleMoments]:
    """Return the moments of the snapshots after these epochs, in one pass over the trajectories."""
    found: dict[int, EnsembleMoments] = {}
    per_unit = cloud.trajectories_per_unit
    index = {epoch: cloud.settings.snapshots.index(epoch) for epoch in epochs}
    for part in cloud.snapshot_parts():
        n, _, d = part.shape
        for epoch in epochs:
            rows = replace(
                Rows.empty(0, n, d, 0, 0, 0), endpoints=part[:, index[epoch]], status=np.zeros(n, np.uint8)
            )
            moments = EnsembleMoments.of(rows, cloud.start, per_unit)
            found[epoch] = found[epoch].merged(moments) if epoch in found else moments
    return found


def _time_after(cloud: Ensemble, epochs: int) -> float:
    """Return the flow time of the first epochs of a run."""
    sizes: Array = cloud.settings.step_sizes
    total = epochs * float(sizes[0]) if len(sizes) == 1 else float(sizes[:epochs].sum())
    return cloud.batches * total


def _until(flow: Flow, time: float, tolerance: float) -> Flow | None:
    """Return the flow up to one of its times, or None if that is not one of them."""
    index = int(np.abs(flow.time - time).argmin())
    if abs(flow.time[index] - time) > tolerance:
        return None
    stop = index + 1
    return replace(flow, time=flow.time[:stop], path=flow.path[:stop], endpoint=flow.path[index], message="")
