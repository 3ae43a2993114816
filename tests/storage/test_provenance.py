import json
import re
from datetime import datetime

from kept import many_shards

import mcsgd
from mcsgd.run import provenance_rows
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage.provenance import Clock, provenance


def test_four_parts_of_plain_json(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    found = provenance(Clock(), 3, experiment="toy.toml")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["software", "parameters", "environment", "resources"]
    assert found["parameters"]["experiment"] == "toy.toml"
    assert found["environment"]["workers"] == 3
    assert found["environment"]["job"]["SLURM_JOB_ID"] == "123"
    assert {"mcsgd", "numba", "numpy", "scipy", "h5py", "hdf5", "python"} <= found["software"].keys()
    git = found["software"]["git"]
    assert git is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", git)


def test_resources_count_from_the_clock():
    found = Clock().resources()
    assert 0 <= found["seconds"] < 10
    assert 0 <= found["cpu_seconds"] < 10
    assert datetime.fromisoformat(found["start"]) <= datetime.fromisoformat(found["end"])
    assert found["start"].endswith("+00:00")


def test_simulate_stores_it(toy, tmp_path):
    path = tmp_path / "run.h5"
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2))  # compiled by now
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2), path, workers=2)
    found = mcsgd.load(path).provenance
    assert list(found) == ["software", "parameters", "environment", "resources", "shards"]
    assert found["environment"]["workers"] == 2
    assert found["shards"] == []  # it was done too soon to be kept in parts


def test_run_that_is_extended_remembers_what_was_before(toy, tmp_path):
    """And each says how long it took, all of its trajectories included."""
    path = tmp_path / "run.h5"
    for trajectories in (2000, 4000, 6000):
        with many_shards():
            simulate(
                toy, [1.0, 2.0], Settings(0.1, trajectories=trajectories), path, workers=1, block_size=500
            )
    found = mcsgd.load(path).provenance
    assert [set(one) for one in found["earlier"]] == [{*found} - {"earlier"}] * 2
    runs = [*found["earlier"], found]
    for one in runs:
        made = sum(shard["seconds"] for shard in one["shards"])
        assert 0 < made <= one["resources"]["seconds"] + 0.005
    times = [moment for one in runs for moment in (one["resources"]["start"], one["resources"]["end"])]
    assert times == sorted(times)
    names = [name for name, _ in provenance_rows(found)]
    assert names[:3] == ["run", "before it", "before it"]
