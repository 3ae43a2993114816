"""The Dask engine, on a cluster of commands and on one of its own."""

import json
import os
import signal
from importlib.util import find_spec

import pytest
from engines.commands import check_same, kill, parts, until

from mcsgd.storage.shards import range_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("distributed") is None, reason="needs the extra dask"),
]


@pytest.fixture
def scheduler(commands, tmp_path):
    """The address of a scheduler."""
    # So long it may look for a killed worker whose result it wants; half a minute if not said.
    commands.environment["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "10s"
    file = tmp_path / "scheduler.json"
    where = ["--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--scheduler-file", file]
    process = commands.start("dask", "scheduler", *where)

    def written():
        return file.exists() and file.read_text().endswith("\n}")

    until(written, 60, "the scheduler", lambda: commands.output(process))
    return json.loads(file.read_text())["address"]


@pytest.fixture
def workers(commands, scheduler, tmp_path):
    """Two workers of one process each, which nobody starts again."""
    options = ["--no-nanny", "--nthreads", 1, "--no-dashboard", "--death-timeout", 60]
    options += ["--local-directory", tmp_path / "dask"]
    workers = [commands.start("dask", "worker", scheduler, *options) for _ in range(2)]
    for worker in workers:
        until(lambda w=worker: "Registered to" in commands.output(w), 60, "a worker")
    return workers


def test_a_killed_worker(commands, scheduler, workers, experiment, output, plain):
    """Its tasks go to the other one."""
    command = ["mcsgd", "run", experiment, "-o", output]
    killed(commands, scheduler, workers, output, command)
    check_same(commands, output, plain)


def test_a_killed_worker_of_a_study(commands, scheduler, workers, study, output, plain_study):
    command = ["mcsgd", "study", study, "-o", output]
    killed(commands, scheduler, workers, output, command)
    check_same(commands, output, plain_study, "mean")


def killed(commands, scheduler, workers, output, command):
    """Run a command to its end, and kill a worker meanwhile."""
    run = commands.start(*command, "--engine", "dask", "--scheduler", scheduler, "-q")
    until(lambda: parts(output), 60, "the first part", lambda: commands.output(run))
    kill(workers[0].pid)
    commands.finish(run)
    assert workers[1].poll() is None


def test_a_cluster_of_its_own(commands, experiment, output, plain):
    """Started for the run, and ended with it."""
    commands.run("mcsgd", "run", experiment, "-o", output, "--engine", "dask", "-q")
    until(lambda: not commands.processes(), 20, "the cluster to end")
    check_same(commands, output, plain)


LOOKS = """
import dask
import distributed
from mcsgd.engines import QUIET, executor_of
if __name__ == "__main__":
    before = dask.config.get("distributed.admin.tick.interval")
    with executor_of("dask", workers=1) as executor:
        assert all(executor.submit(dask.config.get, key).result() == value for key, value in QUIET.items())
    assert dask.config.get("distributed.admin.tick.interval") == before
"""


def test_a_cluster_of_its_own_looks_at_itself_seldom(commands, tmp_path):
    """Its workers do, and the user's own clusters stay as they are."""
    (tmp_path / "looks.py").write_text(LOOKS)
    commands.run("python", tmp_path / "looks.py")


def test_what_is_under_way_at_a_ctrl_c_is_kept(commands, experiment, output, plain):
    """The terminal sends it to all processes of the command."""
    command = ["mcsgd", "run", experiment, "-o", output, "--engine", "dask", "-q"]
    run = commands.start(*command, "--workers", 2)
    until(lambda: parts(output), 60, "the first part", lambda: commands.output(run))
    whole = size(parts(output)[0])
    os.killpg(run.pid, signal.SIGINT)
    assert "the same command goes on from there" in commands.finish(run, code=130)
    assert min(map(size, parts(output))) < whole
    assert not list(output.parent.rglob("job-*.pickle"))
    commands.run(*command)
    check_same(commands, output, plain)


def size(part):
    first, stop = range_of(part)
    return stop - first
