"""HDF5 files: schema, writing, reading, provenance."""

from mcsgd.storage.studies import load

__all__ = ["load"]
