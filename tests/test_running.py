"""Experiments run again on a file of theirs, with other flows, by tasks, and by `simulate`."""

import contextlib
import os

import pytest
from kept import bytes_of, flip, many_shards
from run_files import FULL

import mcsgd
from mcsgd import running
from mcsgd.errors import IncompleteError, InputError, McsgdWarning, OutputExistsError
from mcsgd.experiment import Experiment
from mcsgd.pace import Fixed
from mcsgd.simulation import simulate
from mcsgd.stopping import StopRules
from mcsgd.storage.parts import Parts


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


def experiment(folder, fields=("gd",), trajectories=2100):
    text = FULL.replace("trajectories = 2100", f"trajectories = {trajectories}")
    (folder / "experiment.toml").write_text(f"{text}[flow]\nfields = {list(fields)}\n")
    return Experiment.read(folder / "experiment.toml")


def never(done, total):
    raise AssertionError("something was computed")


@pytest.mark.parametrize("keep", [True, False], ids=["cloud", "moments"])
@pytest.mark.parametrize("stop", [None, StopRules(standard_error=1.0)], ids=["all", "standard error"])
@pytest.mark.parametrize("fields", [["sgd"], ["sgd", "gd"], []], ids=str)
def test_other_flows_of_the_same_trajectories(tmp_path, path, monkeypatch, keep, stop, fields):
    """Though the rule would have ended it earlier, none of its trajectories are lost."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)
    experiment(tmp_path).run(path, keep_cloud=keep)
    before = bytes_of(path)
    run = experiment(tmp_path, fields).run(path, keep_cloud=keep, stop=stop, progress=never)
    assert (run.cloud.count, run.stopped_by, list(run.flows)) == (2100, "count", fields)
    assert bytes_of(path) == before
    assert os.listdir(path.parent) == ["experiment.toml", "run.h5"]


@pytest.mark.parametrize("keep", [True, False], ids=["cloud", "moments"])
def test_other_flows_of_a_file_that_was_to_have_more(tmp_path, path, monkeypatch, keep):
    """Its last leaf is not full, and what was begun to follow it is."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)
    experiment(tmp_path).run(path, keep_cloud=keep)
    before = bytes_of(path)
    more = experiment(tmp_path, ["sgd"], 5000)
    more.run_task(path, (1, 3), keep_cloud=keep)
    run = more.run(path, keep_cloud=keep, stop=StopRules(standard_error=1.0), progress=never)
    assert (run.cloud.count, list(run.flows)) == (2100, ["sgd"])
    assert bytes_of(path) == before
    assert more.run(path, keep_cloud=keep).cloud.count == 5000
    more.run(tmp_path / "whole.h5", keep_cloud=keep)
    assert bytes_of(path) == bytes_of(tmp_path / "whole.h5")
    assert not Parts(path).folder.exists()


@pytest.mark.parametrize("more", [0, 100])
def test_simulate_keeps_the_flows_of_a_file(tmp_path, path, more):
    given = experiment(tmp_path, ["gd", "sgd"])
    given.run(path)
    before = path.read_bytes()
    larger = experiment(tmp_path, ["gd", "sgd"], 2100 + more)
    assert simulate(given.problem, given.start, larger.settings, path).count == 2100 + more
    assert (path.read_bytes() == before) == (more == 0)
    run = mcsgd.load(path)
    assert list(run.flows) == ["gd", "sgd"]
    assert run.predicted_covariance is not None
    assert run.experiment == larger.tables


def test_fewer_trajectories_than_tasks_have_made(tmp_path, path):
    experiment(tmp_path).run_task(path, (1, 2))
    with pytest.raises(InputError, match=r"^ensemble\.trajectories: must be at least 2100, for "):
        experiment(tmp_path, trajectories=1000).run(path)


def test_time_over_before_a_task_is_done(tmp_path, path, monkeypatch):
    monkeypatch.setattr("mcsgd.production.Pace", lambda *_: Fixed(16))
    given = experiment(tmp_path)
    with (
        many_shards(),
        pytest.raises(
            IncompleteError, match=r"the time was over with \d+ of 1056 trajectories done, .* goes on"
        ),
    ):
        given.run_task(path, (0, 2), workers=1, stop=StopRules(seconds=1e-9))
    assert [file.name for file in Parts(path).spans]
    for k in range(2):
        given.run_task(path, (k, 2))
    mcsgd.merge(path)
    given.run(tmp_path / "whole.h5")
    assert bytes_of(path) == bytes_of(tmp_path / "whole.h5")


def test_two_runs_that_begin_at_once(tmp_path, path, monkeypatch):
    """The second sees nothing of the first yet when it looks for the first time; their shards have one name."""
    given, head = experiment(tmp_path), running._head
    other = Experiment.from_tables({**given.tables, "sgd": {**given.tables["sgd"], "step_size": 0.001}})

    def beaten(*arguments):
        monkeypatch.setattr(running, "_head", head)
        given.run_task(path, (0, 2))
        return head(*arguments)

    monkeypatch.setattr(running, "_head", beaten)
    with pytest.raises(OutputExistsError, match=r"step_size: .* there, 0.001 here"):
        other.run_task(path, (1, 2))
    given.run_task(path, (1, 2))
    mcsgd.merge(path, tasks=2)
    given.run(tmp_path / "whole.h5")
    assert bytes_of(path) == bytes_of(tmp_path / "whole.h5")


@pytest.mark.parametrize(("step_size", "warned"), [(0.04, False), (0.5, True)])
def test_a_step_size_beyond_all_expansions_is_warned_of(step_size, warned):
    """m eps lambda_max is 0.6 and 7.6: steps at which flows are less near are no mistake."""
    toy = {"kind": "scalar-factorization", "x": [1.0] * 4, "y": [0.6, 1.0, 0.2, 0.9]}
    given = Experiment.from_tables(
        {"problem": toy, "start": {"value": [1.9, 0.4]}, "sgd": {"step_size": step_size},
         "ensemble": {"trajectories": 10}, "flow": {"fields": ["gradient"]}}
    )  # fmt: skip
    words = (
        r"^m eps lambda_max is 7\.6 at the start, beyond 3: no expansion in the step size holds there\. Take"
    )
    with pytest.warns(McsgdWarning, match=words) if warned else contextlib.nullcontext():
        given.run()


def test_a_task_looks_at_its_own_share_only(tmp_path, path):
    given = experiment(tmp_path)
    given.run_task(path, (0, 2))
    (shard,) = Parts(path).spans
    flip(shard, 5000)
    given.run_task(path, (1, 2))
    with pytest.warns(McsgdWarning, match=f"{shard.name} is damaged"):
        given.run_task(path, (0, 2))
    mcsgd.merge(path)
