"""What a run found: the verdict on its flows, and its width beside the predicted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcsgd.covariance_comparison import CovarianceComparison, compare_covariance
from mcsgd.ensemble import Ensemble
from mcsgd.run import Run
from mcsgd.verdict import Verdict, judge

__all__ = ["Findings", "find"]


@dataclass(frozen=True, eq=False)
class Findings:
    """What a run found.

    Attributes
    ----------
    cloud : Ensemble
        Those trajectories that finished: all, unless some diverged.
    verdict : Verdict
    widths : CovarianceComparison or None
        None if no covariance is predicted, or there is one trajectory.
    """

    cloud: Ensemble
    verdict: Verdict
    widths: CovarianceComparison | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain numbers, text and lists; None for what is not defined."""
        return self.verdict.as_dict() | {"covariance": self.widths.as_dict() if self.widths else None}


def find(run: Run, confidence: float = 0.95) -> Findings:
    """Judge a run; of the trajectories that finished, if some diverged, and then the verdict says so.

    Raises
    ------
    InputError
        If `confidence` is out of range.
    DivergedError
        If no trajectory finished.
    """
    cloud = run.cloud.finished() if run.cloud.diverged else run.cloud
    verdict = judge(cloud, run.flows.values(), confidence)
    predicted, widths = run.predicted_covariance, None
    if predicted is not None and cloud.count > 1:
        widths = compare_covariance(cloud, predicted)
    return Findings(cloud, verdict, widths)
