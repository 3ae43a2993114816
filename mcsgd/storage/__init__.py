"""HDF5 files: schema, writing, reading, provenance."""
