"""Whether two things are the same to the last bit."""

from dataclasses import fields, is_dataclass

import numpy as np

OF_TRAJECTORIES = ("endpoints", "status", "snapshots", "paths", "corrected")


def assert_same(found, expected, name=""):
    """Equal; arrays in type, shape and bits, dataclasses field by field, lists one by one."""
    if is_dataclass(expected):
        assert type(found) is type(expected), name
        for field in fields(expected):
            a, b = getattr(found, field.name), getattr(expected, field.name)
            assert_same(a, b, f"{name}.{field.name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), name
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            assert_same(a, b, f"{name}[{i}]")
    elif isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), name
        assert found.tobytes() == expected.tobytes(), name
    else:
        assert found == expected, name


def assert_same_cloud(found, expected):
    """Two ensembles, from wherever their trajectories are read."""
    assert_same(found.origin, expected.origin, "origin")
    for name in (*OF_TRAJECTORIES, "moments", "kept", "left_out", "count", "diverged"):
        assert_same(getattr(found, name), getattr(expected, name), name)
