"""HDF5 files: schema, writing, reading, provenance."""

from mcsgd.storage.opening import load

__all__ = ["load"]
