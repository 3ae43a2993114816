"""The benchmark still runs and writes what it says; how fast is not this test's business."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"


@pytest.mark.slow
def test_one_work_beside_numpy(tmp_path):
    output = tmp_path / "bench.json"
    options = [
        "--only",
        "toy m=8",
        "--peers",
        "numpy",
        "--rounds",
        "1",
        "--seconds",
        "0.001",
        "-o",
        str(output),
    ]
    done = subprocess.run(
        [sys.executable, str(BENCH / "run.py"), *options], check=True, capture_output=True, text=True
    )
    assert "toy m=8" in done.stdout
    (work,) = json.loads(output.read_text())["works"]
    assert set(work["steps_per_second"]) == {"mcsgd", "mcsgd, 1 core", "numpy"}
    assert min(work["steps_per_second"].values()) > 0
