"""Modified flows: vector fields and their integration."""

from mcsgd.theory.fields import FIELDS, default_fields, vector_field
from mcsgd.theory.flow import integrate

__all__ = ["FIELDS", "default_fields", "integrate", "vector_field"]
