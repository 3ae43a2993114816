"""What is said of a run: its settings, and where it comes from."""

from dataclasses import replace

from mcsgd.run import Run, provenance_table, settings_table
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.theory import integrate


def run_of(toy, fields=("gradient", "sgd"), **settings):
    settings = Settings(0.01, **{"trajectories": 100} | settings)
    flows = {field: integrate(toy, [1.2, 0.7], settings, field) for field in fields}
    return Run(simulate(toy, [1.2, 0.7], settings), flows)


def test_settings_at_their_default_are_not_named(toy):
    rows = dict(settings_table(run_of(toy, momentum=0.5, fields=())).rows)
    assert rows["sgd"] == "step_size = 0.01, epochs = 1, sampling = random-order, momentum = 0.5"
    assert rows["ensemble"] == "trajectories = 100, seed = 0, design = independent"
    assert rows["design"] == "every trajectory draws its own orders"
    assert rows["size"] == "2 parameters, 4 batches an epoch"
    assert rows["flows"] == "none"
    one = dict(settings_table(run_of(toy, sampling="full-batch", trajectories=1, fields=())).rows)
    assert "design" not in one


def test_the_flows_that_have_an_endpoint_and_those_that_have_none(toy):
    run = run_of(toy)
    flows = run.flows | {"sgd": replace(run.flows["sgd"], message="grew beyond all bounds")}
    assert dict(settings_table(run).rows)["flows"] == "gradient, sgd"
    assert dict(settings_table(Run(run.cloud, flows)).rows)["flows"] == "gradient, sgd (no endpoint)"


def test_what_a_study_would_vary_is_not_said_of_a_run(toy):
    experiment = {"sgd": {"step_size": 0.01}, "study": {"vary": {"step_size": [0.1, 0.2]}}}
    assert "study" not in dict(settings_table(Run(run_of(toy).cloud, experiment=experiment)).rows)


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
