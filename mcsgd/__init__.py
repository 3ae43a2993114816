"""Monte Carlo trajectories of shuffled minibatch SGD, compared with its modified gradient flows.

Work goes in a straight line:

1. Say what is minimised (one of `mcsgd.problems`, also a loss of your own), from where, and how: `Settings`.
2. `simulate` runs trajectories, an `Ensemble`; `integrate` follows a modified `Flow`.
3. `judge` says which of the flows the mean endpoint follows; `compare` has all about one of them.
4. `study` measures how fast the distance to each flow falls with the step size, say: a `Study`.
5. `report` writes a page about a run or a study, and `mcsgd.plots` draws them.

`advise` says how many trajectories that takes; `exact_mean` does without any, where that can be had. `load`
opens what was written to a file, a `Run` or a `Study`. `Experiment` does all of it from an experiment
file, as the command `mcsgd` does.

Examples
--------
>>> import mcsgd
>>> problem = mcsgd.problems.ScalarFactorization(x=[1.0, 2.0, 0.5], y=[0.6, 0.6, 0.6])
>>> start, settings = [1.0, 0.5], mcsgd.Settings(step_size=0.002, trajectories=1000)
>>> cloud = mcsgd.simulate(problem, start, settings)
>>> fields = "gradient", "gd", "sgd"
>>> flows = [mcsgd.integrate(problem, start, settings, field) for field in fields]
>>> mcsgd.judge(cloud, flows)
Verdict on 1000 trajectories
flow      distance  std. error          95% interval        p  verdict
gradient  9.92e-06       1e-07  9.63e-06 to 1.02e-05  < 1e-12  excluded
gd        7.23e-06       1e-07  6.94e-06 to 7.52e-06  < 1e-12  excluded
sgd       2.35e-07       1e-07         0 to 5.28e-07     0.12  compatible
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and where they live, imported on first use: looking at a file needs no numba. No
# function may be called like a module of the package, whose import would take its name.
# In the order in which one meets them.
_HOMES = {
    "Settings": "mcsgd.settings",
    "simulate": "mcsgd.simulation",
    "integrate": "mcsgd.theory",
    "judge": "mcsgd.verdict",
    "compare": "mcsgd.comparison",
    "compare_by_epoch": "mcsgd.epochs",
    "study": "mcsgd.studies.measuring",
    "exact_mean": "mcsgd.exact",
    "advise": "mcsgd.advisor.advice",
    "control_variate": "mcsgd.correction",
    "report": "mcsgd.reports",
    "load": "mcsgd.storage",
    "merge": "mcsgd.storage.merge",
    "verify": "mcsgd.storage.verify",
    "Experiment": "mcsgd.experiment",
    "StopRules": "mcsgd.stopping",
    "Run": "mcsgd.run",
    "Ensemble": "mcsgd.ensemble",
    "Flow": "mcsgd.flow",
    "Verdict": "mcsgd.verdict",
    "Comparison": "mcsgd.comparison",
    "Study": "mcsgd.studies.study",
    "Ladder": "mcsgd.ladders.result",
    "ExactAnswer": "mcsgd.exact",
    "Advice": "mcsgd.advisor.pilots",
    "problems": "mcsgd.problems",
    "theory": "mcsgd.theory",
    "plots": "mcsgd.plots",
    "schemes": "mcsgd.schemes",
    "designs": "mcsgd.designs",
    "statistics": "mcsgd.statistics",
    "errors": "mcsgd.errors",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    value = home if home.__name__ == f"{__name__}.{name}" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
