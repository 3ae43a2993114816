"""Monte Carlo trajectories of shuffled minibatch SGD, compared with its modified gradient flows."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and where they live, imported on first use: looking at a file needs no numba. No
# function may be called like a module of the package, whose import would take its name.
_HOMES = {
    "Advice": "mcsgd.advisor.pilots",
    "Comparison": "mcsgd.comparison",
    "Ensemble": "mcsgd.ensemble",
    "ExactAnswer": "mcsgd.exact",
    "Experiment": "mcsgd.experiment",
    "Flow": "mcsgd.flow",
    "Ladder": "mcsgd.ladders.result",
    "Run": "mcsgd.run",
    "Settings": "mcsgd.settings",
    "StopRules": "mcsgd.stopping",
    "Study": "mcsgd.studies.study",
    "Verdict": "mcsgd.verdict",
    "advise": "mcsgd.advisor.advice",
    "compare": "mcsgd.comparison",
    "control_variate": "mcsgd.correction",
    "exact_mean": "mcsgd.exact",
    "integrate": "mcsgd.theory",
    "judge": "mcsgd.verdict",
    "load": "mcsgd.storage",
    "load_study": "mcsgd.storage.studies",
    "merge": "mcsgd.storage.merge",
    "problems": "mcsgd.problems",
    "simulate": "mcsgd.simulation",
    "study": "mcsgd.studies.measuring",
    "theory": "mcsgd.theory",
    "verify": "mcsgd.storage.verify",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    value = home if home.__name__ == f"{__name__}.{name}" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
