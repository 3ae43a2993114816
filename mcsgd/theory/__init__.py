"""Modified flows: vector fields, their integration, and the covariance of the cloud."""

from mcsgd.theory.covariance import predicted_covariance
from mcsgd.theory.curvature import largest_curvature
from mcsgd.theory.expansion import xi, xi_covariance, xi_mean
from mcsgd.theory.fields import FIELDS, default_fields, vector_field
from mcsgd.theory.flow import integrate

__all__ = [
    "FIELDS",
    "default_fields",
    "integrate",
    "largest_curvature",
    "predicted_covariance",
    "vector_field",
    "xi",
    "xi_covariance",
    "xi_mean",
]
