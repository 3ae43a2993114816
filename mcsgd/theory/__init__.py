"""Modified flows: vector fields, their integration, and the covariance of the cloud."""

from mcsgd.theory.covariance import predicted_covariance
from mcsgd.theory.curvature import largest_curvature
from mcsgd.theory.decomposition import Decomposition, decompose
from mcsgd.theory.expansion import xi, xi_covariance, xi_mean
from mcsgd.theory.fields import FIELDS, default_fields, vector_field
from mcsgd.theory.flow import integrate
from mcsgd.theory.stationary import Stationary, minima, stationary_covariance, stationary_point

__all__ = [
    "FIELDS",
    "Decomposition",
    "Stationary",
    "decompose",
    "default_fields",
    "integrate",
    "largest_curvature",
    "minima",
    "predicted_covariance",
    "stationary_covariance",
    "stationary_point",
    "vector_field",
    "xi",
    "xi_covariance",
    "xi_mean",
]
