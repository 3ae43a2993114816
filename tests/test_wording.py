import math

import pytest

from mcsgd.findings import find
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate
from mcsgd.wording import (
    coordinates_table,
    flows_table,
    number,
    p_value,
    pairs,
    provenance_table,
    settings_table,
    widths_table,
)


def run_of(toy, fields=("gradient", "sgd"), **settings):
    settings = Settings(0.01, **{"trajectories": 100} | settings)
    flows = {field: integrate(toy, [1.2, 0.7], settings, field) for field in fields}
    return Run(simulate(toy, [1.2, 0.7], settings), flows)


def test_numbers():
    assert (number(12345.0, 3), number(0.0, 1), number(math.nan, 3)) == ("1.23e+04", "0e+00", "-")
    assert (p_value(0.0), p_value(0.25), p_value(math.nan)) == ("< 1e-12", "0.25", "-")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1.0, 2.0], "1.0 2.0"),
        (list(range(13)), "13 items"),
        ([[1, 2, 3], [4, 5, 6]], "2 x 3 numbers"),
        ([], ""),
        (True, "True"),
    ],
)
def test_values_are_short(value, expected):
    assert pairs({"x": value, "none": None, "empty": ""}) == f"x = {expected}"


def test_tables_of_flows_and_coordinates(toy):
    found = find(run_of(toy), confidence=0.99)
    table = flows_table(found.verdict)
    assert table.columns[3] == "99% interval"
    assert [row[0] for row in table.rows] == ["gradient", "sgd"]
    assert table.rows[0][-1] == "excluded"
    for c in found.verdict.comparisons:
        rows = coordinates_table(c).rows
        assert [row[0] for row in rows] == ["0", "1"]
        assert rows[0][1] == number(c.difference[0], 3)


def test_a_table_of_no_flows(toy):
    assert flows_table(find(run_of(toy, fields=())).verdict).rows == ()


def test_widths(toy):
    run = run_of(toy)
    found = find(Run(run.cloud, predicted_covariance=run.cloud.covariance))
    assert [row[1] == row[2] for row in widths_table(found.widths).rows] == [True, True]
    assert find(run).widths is None


def test_settings_at_their_default_are_not_named(toy):
    rows = dict(settings_table(run_of(toy, momentum=0.5, fields=())).rows)
    assert rows["sgd"] == "step_size = 0.01, epochs = 1, sampling = random-order, momentum = 0.5"
    assert rows["ensemble"] == "trajectories = 100, seed = 0, design = independent"
    assert rows["design"] == "every trajectory draws its own orders; unit: trajectory"
    assert rows["size"] == "2 parameters, 4 batches an epoch"
    assert rows["flows"] == "none"
    one = dict(settings_table(run_of(toy, sampling="full-batch", trajectories=1, fields=())).rows)
    assert "design" not in one


def test_provenance_of_many_parts(toy):
    shards = [{"host": f"node{i % 3}", "process": i, "job": {}, "seconds": 0.5} for i in range(40)]
    made = {
        "software": {"mcsgd": "0.1", "git": None},
        "parameters": {"command": ["/some/where/mcsgd", "run", "my file.toml"]},
        "environment": {"host": "node0", "cpu": "C", "platform": "P", "workers": 2, "job": {"JOB": "7"}},
        "resources": {"start": "A", "end": "B", "seconds": 1.0, "cpu_seconds": 2.0},
        "shards": shards,
    }
    rows = dict(provenance_table(Run(run_of(toy).cloud, provenance=made)).rows)
    assert rows["command"] == "mcsgd run 'my file.toml'"
    assert rows["parts"] == "40, by 40 processes on node0, node1, node2: 20 s together"
    assert rows["job"] == "JOB = 7"
    assert rows["software"] == "mcsgd = 0.1"


def test_provenance_of_a_run_in_memory(toy):
    assert [name for name, _ in provenance_table(run_of(toy)).rows] == ["random stream", "fingerprint"]
