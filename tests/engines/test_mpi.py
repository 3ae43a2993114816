"""The MPI engine, with the mpiexec of the environment that runs the tests."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from engines.commands import check_same, kill, parts, until

MPIEXEC = Path(sys.executable).with_name("mpiexec")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("mpi4py") is None or not MPIEXEC.exists(), reason="needs the extra mpi: mpi4py and mpich"
    ),
]


RANKS = [MPIEXEC, "-n", 3, sys.executable, "-m", "mpi4py.futures", "-m", "mcsgd"]


@pytest.fixture
def killed(commands, output):
    """Start a command over three ranks, and kill one of them when there is a part."""

    def killed(*command):
        first = commands.start(*command)
        until(lambda: parts(output), 60, "the first part", lambda: commands.output(first))
        (rank,) = commands.processes("PMI_RANK=1")
        kill(rank)
        commands.finish(first, code=None)
        assert first.returncode != 0
        until(lambda: not commands.processes(), 20, "the other ranks to end")
        assert parts(output)
        assert not output.exists()

    return killed


def test_a_killed_rank(commands, killed, experiment, output, plain):
    """It ends the job; the same command then fills in what is missing."""
    command = [*RANKS, "run", experiment, "-o", output, "--engine", "mpi", "-q"]
    killed(*command)
    commands.run(*command)
    check_same(commands, output, plain)


def test_a_killed_rank_of_a_study(commands, killed, study, output, plain_study):
    command = [*RANKS, "study", study, "-o", output, "--engine", "mpi", "-q"]
    killed(*command)
    commands.run(*command)
    check_same(commands, output, plain_study, "mean")
