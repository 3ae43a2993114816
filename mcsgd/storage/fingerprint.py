"""The identity of an ensemble: equal fingerprints mean that trajectory i is the same."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from mcsgd.settings import Settings


def fingerprint(
    problem_digest: str, start: NDArray[np.float64], settings: Settings, stream_version: int
) -> str:
    """Return a hash of all that determines the bytes, the number of trajectories aside."""
    tables = settings.as_tables()
    del tables["ensemble"]["trajectories"]
    determining = [problem_digest, start.tobytes().hex(), tables, stream_version]
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()
