"""mcsgd plot, report, info --toml."""

import pytest
from run_files import FULL, write_run_file
from typer.testing import CliRunner

from mcsgd.cli import app
from mcsgd.experiment import Experiment
from mcsgd.plots import PICTURES
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage import load


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run_file("full", tmp_path_factory.mktemp("report"))


def mcsgd(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("kind", PICTURES)
def test_kinds_of_plots(run, kind, tmp_path):
    path = tmp_path / "picture.svg"
    assert mcsgd("plot", run, "--kind", kind, "-o", path).stdout == f"Drawn to {path}\n"
    assert path.read_bytes().startswith(b"<?xml")


def test_the_default_name_has_the_kind(run):
    mcsgd("plot", run, "--kind", "path")
    assert run.with_name("full-path.png").read_bytes().startswith(b"\x89PNG")


def test_unknown_kind_before_the_run_is_read(tmp_path):
    result = mcsgd("plot", tmp_path / "none.h5", "--kind", "covarianc", code=2)
    assert (
        "kind: must be one of cloud, coordinates, covariance, path, order; got 'covarianc', did you mean"
        in result.stderr
    )


def test_help_names_all_kinds():
    assert ", ".join(PICTURES) in " ".join(mcsgd("plot", "--help").stdout.replace("│", " ").split())


def test_report(run, tmp_path):
    page = tmp_path / "page.html"
    assert mcsgd("report", run, "-o", page).stdout == f"Written to {page}\n"
    before = page.read_bytes()
    assert b"95% interval" in before
    refused = mcsgd("report", run, "-o", page, "--confidence", 0.5, code=2).stderr
    assert "output: " in refused
    assert "page.html exists; it was not touched" in refused
    assert page.read_bytes() == before
    mcsgd("report", run, "-o", page, "--confidence", 0.5, "--force")
    assert b"50% interval" in page.read_bytes()


def test_the_default_page_stands_beside_the_run(run):
    mcsgd("report", run)
    assert run.with_suffix(".html").exists()


def test_what_is_wrong_is_said_before_the_run_is_read(tmp_path):
    nowhere, page = tmp_path / "none.h5", tmp_path / "page.html"
    assert "output: must end in .html, .htm" in mcsgd("report", nowhere, "-o", "page.pdf", code=2).stderr
    assert "confidence: must be" in mcsgd("report", nowhere, "-o", page, "--confidence", 2, code=2).stderr
    assert "does not exist" in mcsgd("report", nowhere, "-o", page, code=2).stderr
    assert not page.exists()


def test_the_experiment_of_a_run(run, tmp_path):
    again = tmp_path / "again.toml"
    again.write_text(mcsgd("info", run, "--toml").stdout)
    assert Experiment.read(again).settings == load(run).cloud.settings


def test_a_run_from_python_has_no_experiment_file(toy, tmp_path):
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2), tmp_path / "run.h5")
    assert (
        "run: must come from an experiment file"
        in mcsgd("info", tmp_path / "run.h5", "--toml", code=2).stderr
    )


def test_info_is_short(tmp_path):
    """A long start is not written out, nor are defaults."""
    text = FULL.replace("value = [1.2, 0.7]", 'kind = "zeros"').replace("scalar-factorization", "linear")
    numbers = str([0.5] * 40)
    text = text.replace("x = [1.0, 0.5, 2.0, 1.5]", f"X = [{', '.join([numbers] * 4)}]\nbatch_size = 2")
    text = text.replace('kind = "zeros"', f"value = {numbers}")
    (tmp_path / "run.toml").write_text(text)
    Experiment.read(tmp_path / "run.toml").run(tmp_path / "run.h5")
    output = mcsgd("info", tmp_path / "run.h5").stdout
    assert "value = 40 items" in output
    assert "X = 4 x 40 numbers" in output
    assert "momentum" not in output
