"""The command line, run in this process but for what a fresh one loads."""

import contextlib
import json
import logging
import os
import re
import subprocess
import sys

import h5py
import pytest
from kept import make_newer
from typer.testing import CliRunner

from mcsgd.cli import app
from mcsgd.pace import Fixed

TOY = """
[problem]
kind = "scalar-factorization"
x = [1.0, 0.5, 2.0, 1.5]
y = [0.6, 1.0, 0.2, 0.9]
[start]
value = [1.2, 0.7]
[sgd]
step_size = {step_size}
[ensemble]
trajectories = {trajectories}
paths = 2
"""


@pytest.fixture
def experiment(tmp_path):
    def write(step_size=0.01, trajectories=100, more=""):
        path = tmp_path / "toy.toml"
        path.write_text(TOY.format(step_size=step_size, trajectories=trajectories) + more)
        return path

    return write


def mcsgd(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def run(experiment, tmp_path):
    path = tmp_path / "toy.h5"
    mcsgd("run", experiment(), "-o", path, "-q")
    return path


def test_run_prints_the_verdict(experiment, tmp_path):
    result = mcsgd("run", experiment(), "-o", tmp_path / "toy.h5", "--workers", 2)
    assert result.stderr == ""
    assert "Written to" in result.stdout
    for word in ("gradient", "gd", "sgd", "excluded", "The mean endpoint of 100 trajectories"):
        assert word in result.stdout


def test_long_runs_say_how_far_they_are(experiment, tmp_path, monkeypatch):
    """In a log, here after no time at all; and not where --quiet was asked for."""
    monkeypatch.setattr("mcsgd.progress.EVERY", 0.0)
    monkeypatch.setattr("mcsgd.production.Pace", lambda *_: Fixed(16))
    *_, line = mcsgd("run", experiment(), "-o", tmp_path / "toy.h5").stderr.splitlines()
    assert re.fullmatch(r"mcsgd: 100 of 100 trajectories \(100 %\), \d+/s, 0 s left", line)
    assert not logging.getLogger("mcsgd").handlers
    assert mcsgd("run", experiment(), "-o", tmp_path / "quiet.h5", "--quiet").stderr == ""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals to open here")
def test_a_terminal_has_a_bar(experiment, tmp_path):
    """Of the run, and not of one that is refused."""
    path = tmp_path / "toy.h5"
    assert "100/100" in on_a_terminal("run", experiment(), "-o", path)
    refused = on_a_terminal("run", experiment(0.02), "-o", path)
    assert refused.startswith("error: ")
    assert on_a_terminal("run", experiment(trajectories=200), "-o", path, "--quiet") == ""


def on_a_terminal(*arguments):
    """Return what a command writes to standard error where that is a terminal."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "mcsgd", *map(str, arguments)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    with open(ours, "rb") as file:
        found = b""
        with contextlib.suppress(OSError):  # Linux says EIO at the end
            while part := file.read1():
                found += part
    return found.decode()


def test_run_and_compare_agree_in_json(experiment, tmp_path):
    path = tmp_path / "toy.h5"
    first = mcsgd("run", experiment(), "-o", path, "--json", "-q").stdout
    again = mcsgd("compare", path, "--json").stdout
    assert json.loads(first) == json.loads(again)
    assert json.loads(first)["trajectories"] == 100


def test_compare_options(run):
    wide = json.loads(mcsgd("compare", run, "--json", "--confidence", 0.999).stdout)["flows"][0]
    assert wide["confidence"] == 0.999
    assert "coordinate" in mcsgd("compare", run, "--coordinates").stdout
    assert "confidence: must be > 0" in mcsgd("compare", run, "--confidence", 0, code=2).stderr


def test_no_cloud(experiment, tmp_path):
    path = tmp_path / "toy.h5"
    with_cloud = json.loads(mcsgd("run", experiment(), "-o", tmp_path / "cloud.h5", "-q", "--json").stdout)
    without = json.loads(mcsgd("run", experiment(), "-o", path, "-q", "--json", "--no-cloud").stdout)
    for one, other in zip(with_cloud["flows"], without["flows"], strict=True):
        assert one["distance"] == pytest.approx(other["distance"], rel=1e-9)
    assert json.loads(mcsgd("info", path, "--json").stdout)["kept"] == "moments"
    assert "100, moments only" in mcsgd("info", path).stdout
    assert "run: must have a cloud to draw" in mcsgd("plot", path, code=2).stderr


def test_control_variate(experiment, tmp_path):
    """From the experiment file to the verdict, and again from the run's file."""
    path, plain = tmp_path / "toy.h5", tmp_path / "plain.h5"
    before = json.loads(mcsgd("run", experiment(), "-o", plain, "-q", "--json").stdout)
    text = experiment(more='[flow]\nfields = ["sgd"]').read_text()
    given = tmp_path / "corrected.toml"
    given.write_text(text.replace("paths = 2", 'design = "control-variate"'))
    first = json.loads(mcsgd("run", given, "-o", path, "-q", "--json").stdout)
    assert json.loads(mcsgd("compare", path, "--json").stdout) == first
    errors = [run["flows"][i]["distance_standard_error"] for run, i in ((before, 2), (first, 0))]
    assert errors[1] < 0.1 * errors[0]
    assert json.loads(mcsgd("info", path, "--json").stdout)["corrected"] is True
    assert "100, corrected" in mcsgd("info", path).stdout
    assert "corrected" not in mcsgd("info", plain).stdout
    assert "each less its control variate" in mcsgd("compare", path).stdout.replace("\n", " ")
    other = tmp_path / "other.h5"
    moments = json.loads(mcsgd("run", given, "-o", other, "--no-cloud", "-q", "--json").stdout)
    assert (moments["verdict"], moments["flows"]) == (first["verdict"], first["flows"])


def test_info(run):
    text = mcsgd("info", run).stdout
    assert "step_size = 0.01" in text
    about = json.loads(mcsgd("info", run, "--json").stdout)
    assert about["experiment"]["ensemble"]["trajectories"] == 100
    assert set(about["provenance"]) == {"software", "parameters", "environment", "resources", "shards"}


def test_problems():
    listed = json.loads(mcsgd("problems", "--json").stdout)
    assert listed["logistic"] == ["X", "y", "batch_size", "l2"]
    text = mcsgd("problems").stdout
    assert "gradient_penalty" in text
    assert all(kind in text for kind in listed)
    assert "Labels 0 and 1" in mcsgd("problems", "logistic").stdout
    assert "did you mean logistic?" in mcsgd("problems", "logistc", code=2).stderr


def test_plot(run, tmp_path):
    assert "Drawn to" in mcsgd("plot", run).stdout
    assert (tmp_path / "toy.png").read_bytes().startswith(b"\x89PNG")
    refused = mcsgd("plot", run, code=2).stderr
    assert "toy.png exists; it was not touched. Choose another name, or replace it: --force" in refused
    refused = mcsgd("plot", run, "--kind", "order", code=2).stderr
    assert "kind: must be cloud or coordinates or covariance or path for a run, got 'order'" in refused
    mcsgd("plot", run, "--force")
    mcsgd("plot", run, "-o", tmp_path / "toy.pdf")
    assert "output: must end in .png, .pdf, .svg" in mcsgd("plot", run, "-o", "toy.bmp", code=2).stderr


def test_plot_does_not_replace_the_run(run, tmp_path):
    named = run.rename(tmp_path / "run.png")
    before = named.read_bytes()
    assert "output: must not be the file that it is about" in mcsgd("plot", named, "--force", code=2).stderr
    assert named.read_bytes() == before


# What is wrong is said before anything is computed, with exit code 2, and nothing is lost -------


@pytest.mark.parametrize("step_size", ["-0.1", "0", "nan", "inf", "1e9", '"0.1"'])
def test_wrong_step_size(experiment, tmp_path, step_size):
    path = tmp_path / "toy.h5"
    result = mcsgd("run", experiment(step_size), "-o", path, code=2)
    assert result.stderr.startswith("error: sgd.step_size: must be")
    assert not path.exists()


def test_all_issues_are_listed(experiment, tmp_path):
    more = "trajectoris = 5\n[flow]\nfields = ['sdg']"
    result = mcsgd("run", experiment(-1, more=more), "-o", tmp_path / "toy.h5", code=2)
    named = {line.split(": ")[1] for line in result.stderr.splitlines()}
    assert named == {"sgd.step_size", "ensemble.trajectoris", "flow.fields[0]"}


def test_existing_output_is_not_touched(experiment, run):
    before = run.read_bytes()
    result = mcsgd("run", experiment(0.02), "-o", run, code=2)
    message = "toy.h5 is of another experiment; it was not touched. sgd.step_size: 0.01 there, 0.02 here."
    assert message in result.stderr
    assert run.read_bytes() == before


def test_output_that_is_no_run_is_not_touched(experiment, tmp_path):
    path = tmp_path / "toy.h5"
    path.write_text("precious")
    assert "toy.h5 is not an HDF5 file" in mcsgd("run", experiment(), "-o", path, "-q", code=2).stderr
    assert path.read_text() == "precious"


def test_the_same_run_again(experiment, run):
    """There is nothing to do, or more trajectories are added."""
    before = run.read_bytes()
    assert "has all of this already" in mcsgd("run", experiment(), "-o", run, "-q").stdout
    assert run.read_bytes() == before
    again = mcsgd("run", experiment(trajectories=150), "-o", run, "-q").stdout
    assert "Written to" in again
    assert "The mean endpoint of 150 trajectories" in again


def test_time_over_before_a_task_is_done(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr("mcsgd.production.Pace", lambda *_: Fixed(16))
    path = tmp_path / "toy.h5"
    task = ["run", experiment(trajectories=1000), "-o", path, "-q", "--task", "0/2", "--workers", 1]
    said = mcsgd(*task, "--time-limit", 1e-9, code=1)
    assert said.stdout == ""
    assert said.stderr.startswith("error: the time was over with ")
    assert f"Task 0/2 is done; mcsgd merge {path} makes" in mcsgd(*task).stdout
    assert json.loads(mcsgd(*task, "--json").stdout) == {"task": "0/2", "done": True}


def test_parts_of_a_newer_version(experiment, tmp_path):
    path = tmp_path / "toy.h5"
    mcsgd("run", experiment(), "-o", path, "-q", "--task", "0/2")
    shard = next(tmp_path.glob("toy.h5.parts/0*.h5"))
    make_newer(shard, format_version=[2, 0])
    for command in (
        ["run", experiment(), "-o", path, "-q"],
        ["merge", path],
        ["merge", "x.h5", shard.parent],
    ):
        said = mcsgd(*command, code=2).stderr
        assert said.startswith(f"error: {shard} has format version 2.0, and this mcsgd reads up to 1: ")


def test_unwritable_output(experiment, tmp_path):
    (tmp_path / "file").touch()
    result = mcsgd("run", experiment(), "-o", tmp_path / "file" / "toy.h5", code=2)
    assert result.stderr.startswith("error: output: must be in a directory one can write to")


def test_wrong_options_before_the_experiment_is_run(experiment, tmp_path):
    path = tmp_path / "toy.h5"
    assert "workers: must be >= 1" in mcsgd("run", experiment(), "-o", path, "--workers", 0, code=2).stderr
    assert "confidence: must be" in mcsgd("run", experiment(), "-o", path, "--confidence", 1, code=2).stderr
    assert not path.exists()


@pytest.mark.parametrize("command", ["compare", "info", "plot"])
def test_files_that_are_not_ours(tmp_path, command):
    text, other = tmp_path / "text.h5", tmp_path / "other.h5"
    text.write_text("no")
    with h5py.File(other, "w") as file:
        file["x"] = 1
    assert "is not an HDF5 file" in mcsgd(command, text, code=2).stderr
    assert "not a run of mcsgd" in mcsgd(command, other, code=2).stderr
    assert "does not exist" in mcsgd(command, tmp_path / "none.h5", code=2).stderr


def test_warnings_are_lines(experiment, tmp_path):
    text = experiment(more='[flow]\nfields = ["sgd"]').read_text()
    path = tmp_path / "replaced.toml"
    path.write_text(text.replace("[sgd]\n", '[sgd]\nsampling = "with-replacement"\n'))
    result = mcsgd("run", path, "-o", tmp_path / "toy.h5", "-q")
    assert result.stderr.startswith("warning: field sgd does not belong to sampling with-replacement")


DIVERGING = """
[problem]
kind = "quadratic"
hessians = [[[-1e160]], [[1.0]], [[1.0]]]
centers = [[0.0], [1.0], [2.0]]
[start]
value = [1.0]
[sgd]
step_size = 0.5
epochs = 2
sampling = "{sampling}"
[ensemble]
trajectories = 40
"""


@pytest.mark.parametrize(("sampling", "code"), [("with-replacement", 0), ("random-order", 1)])
def test_divergence_is_said(tmp_path, sampling, code):
    """Of some, with the rest's statistics marked as conditional; of all, as a failure, with the file kept."""
    (tmp_path / "steep.toml").write_text(DIVERGING.format(sampling=sampling))
    result = mcsgd("run", tmp_path / "steep.toml", "-o", tmp_path / "steep.h5", "-q", code=code)
    if code:
        warning, error = result.stderr.splitlines()
        assert warning.startswith("warning: m eps lambda_max is 5e+159 at the start, beyond 3")
        assert error == "error: none of the 40 trajectories finished: there are no statistics"
    else:
        assert "conditional on finishing" in " ".join(result.stdout.split())
    about = json.loads(mcsgd("info", tmp_path / "steep.h5", "--json").stdout)
    assert about["diverged"] > 0


def test_help_loads_nothing_heavy():
    code = "import sys\nfrom mcsgd.cli import app\ntry:\n app(['--help'])\nexcept SystemExit:\n print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "compared with its modified" in output
    assert not set(output.split()) & {"numba", "scipy", "numpy", "h5py", "matplotlib"}


def test_module_is_the_command():
    command = [sys.executable, "-m", "mcsgd", "problems", "--json"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "logistic" in json.loads(output)
