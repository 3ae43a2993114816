from pathlib import Path

import pytest
from engines.commands import LINUX, Commands
from engines.slurm import Slurm, SlurmDownError, missing, running

TOY = """
[problem]
kind = "scalar-factorization"
x = [1.0, 0.5, 2.0, 1.5]
y = [0.6, 1.0, 0.2, 0.9]
[start]
value = [1.2, 0.7]
[sgd]
step_size = 1e-6
epochs = 2500
[ensemble]
trajectories = 600_000
"""

STUDY = (
    TOY.replace("600_000", "300_000")
    + """
[study]
vary.step_size = {rungs = 2}
vary.sampling = ["random-order", "with-replacement"]
exact = false
"""
)
"""Four points of half the work each."""


@pytest.fixture
def folder(tmp_path):
    """A folder whose name has a space."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    return folder


@pytest.fixture
def experiment(folder):
    """An experiment that takes a core ten seconds."""
    path = folder / "the toy.toml"
    path.write_text(TOY)
    return path


@pytest.fixture
def study(folder):
    """An experiment with a study that takes a core twenty seconds."""
    path = folder / "the study.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def output(folder):
    return folder / "the output.h5"


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """The run of the experiment by one process."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "toy.toml").write_text(TOY)
    with Commands(folder) as commands:
        commands.run("mcsgd", "run", "toy.toml", "-o", "plain.h5", "-q")
    return folder / "plain.h5"


@pytest.fixture(scope="session")
def plain_study(tmp_path_factory):
    """The study by one process."""
    folder = tmp_path_factory.mktemp("plain-study")
    (folder / "study.toml").write_text(STUDY)
    with Commands(folder) as commands:
        commands.run("mcsgd", "study", "study.toml", "-o", "plain.h5", "-q")
    return folder / "plain.h5"


@pytest.fixture
def commands(tmp_path):
    if not LINUX:
        pytest.skip("processes are found by their environment, which only Linux shows")
    with Commands(tmp_path) as commands:
        yield commands


@pytest.fixture(scope="session")
def slurm_daemons(tmp_path_factory):
    if reason := missing():
        pytest.skip(reason)
    try:
        with running(tmp_path_factory.mktemp("slurm")) as daemons:
            yield daemons
    except SlurmDownError as error:
        pytest.skip(str(error))


@pytest.fixture
def slurm(slurm_daemons, tmp_path):
    with Slurm(slurm_daemons, tmp_path) as slurm:
        yield slurm


@pytest.fixture(scope="session")
def scripts():
    return Path(__file__).parents[2] / "scripts" / "slurm"
