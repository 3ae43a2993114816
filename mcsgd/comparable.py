"""What can be compared: a cloud and flows of the same settings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from mcsgd.checks import Checks
from mcsgd.ensemble import Ensemble
from mcsgd.errors import InputError
from mcsgd.flow import Flow

__all__ = ["check_comparable", "check_confidence", "listed"]

SAME_TIME = 1e-6


def check_confidence(confidence: float) -> None:
    """Raise InputError if a confidence is not a probability strictly between 0 and 1."""
    checks = Checks()
    checks.number("confidence", confidence, above=0, at_most=1 - 1e-12)
    checks.done()


def check_comparable(cloud: Ensemble, flows: Sequence[Flow], confidence: float) -> None:
    """Raise InputError if these cannot be compared."""
    check_confidence(confidence)
    checks = Checks()
    checks.instance("cloud", cloud, Ensemble)
    for flow in flows:
        checks.instance("flow", flow, Flow)
    checks.done()
    for flow in flows:
        if flow.endpoint.shape != cloud.start.shape:
            shapes = f"{cloud.start.shape}, got {flow.endpoint.shape}"
            checks.fail("flow", f"must have an endpoint of the cloud's shape {shapes}")
        elif len(flow.time) > 1 and not flow.message and not _same_time(flow.time[-1], cloud.flow_time):
            times = f"{cloud.flow_time:g}, got {flow.field} to time {flow.time[-1]:g}, of other settings"
            checks.fail("flow", f"must go as far as the cloud, to time {times}")
    checks.done()


def listed(flows: Iterable[Flow] | Mapping[str, Flow]) -> list[Flow]:
    """Return flows as a list; of a mapping, as a run has them, its values."""
    if not isinstance(flows, Iterable):
        raise InputError([("flows", f"must be a list of flows, got {type(flows).__name__}")])
    return list(flows.values() if isinstance(flows, Mapping) else flows)


def _same_time(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME_TIME)
