"""HDF5 files: schema, writing, reading, provenance."""

from mcsgd.storage.read import load

__all__ = ["load"]
