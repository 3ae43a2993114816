"""Sets of orders whose mean stands for the mean over all of them. Needs numpy only.

What the designs are worth: the standard deviation of a unit's mean endpoint times the root of the number
of trajectories in the unit, so that over n trajectories the standard error is this over sqrt(n). One epoch of
logistic regression, 3 parameters, 8 batches (of `tests/designs/test_noise.py`, which checks the numbers):

| design | step size 0.1 | 0.025 | falls as |
|---|---|---|---|
| independent | 2.0e-3 | 1.3e-4 | eps^2 |
| control-variate | 3.6e-4 | 5.6e-6 | eps^3 |
| reversed-pairs | 1.8e-4 | 2.8e-6 | eps^3 |
| balanced, 336 trajectories a set | 7.3e-7 | 2.9e-9 | eps^4 |
"""

from mcsgd.designs.balanced import balanced_orders, set_size

__all__ = ["balanced_orders", "set_size"]
