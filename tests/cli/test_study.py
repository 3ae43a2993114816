"""mcsgd study."""

import json

import pytest
from typer.testing import CliRunner

import mcsgd
from mcsgd.cli import app
from mcsgd.experiment import Experiment

TOY = """
[problem]
kind = "scalar-factorization"
x = [1.0, 0.5, 2.0, 1.5]
y = [0.6, 1.0, 0.2, 0.9]
[start]
value = [1.2, 0.7]
[sgd]
step_size = 0.01
[ensemble]
trajectories = 200
"""
LADDER = """
[study]
values = [0.01, 0.005, 0.0025]
"""


@pytest.fixture
def command(tmp_path):
    def run(*options, more=LADDER, code=0):
        path = tmp_path / "toy.toml"
        path.write_text(TOY + more)
        result = CliRunner().invoke(app, ["study", str(path), *map(str, options)], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


def test_tables_and_orders(command):
    lines = command("-q").stdout.splitlines()
    assert lines[0] == "Distance of the mean endpoint to the gradient flow"
    assert lines[1].split() == ["step_size", "m", "eps", "λ", "distance", "±", "slope", "±", "left", "out"]
    first, second = lines[2].split(), lines[3].split()
    assert (first[0], first[4], second[0], second[4]) == ("0.01", "-", "0.005", "1.920")
    assert "Orders in the step size, with 95% intervals; 3 of 3 means are exact" in lines
    assert [line.split(": order ")[0] for line in lines[-4:]] == ["gradient", "gd", "sgd", "second-order"]
    assert lines[-2].startswith("sgd: order 2.99")
    assert lines[-2].endswith("fitted to 3 of 3 rungs.")


def test_monte_carlo_shows_progress_and_what_is_left_out(command, monkeypatch):
    monkeypatch.setattr("mcsgd.progress.EVERY", 0.0)
    result = command(more=LADDER + "exact = false")
    assert "mcsgd: 600 of 600 trajectories (100 %)" in result.stderr
    assert "0 of 3 means are exact, the others over 200 trajectories each" in result.stdout
    assert "below two standard errors" in result.stdout
    assert "would be needed, or design reversed-pairs" in result.stdout


def test_json_is_the_study(command):
    found = json.loads(command("--json", "-q", "--confidence", 0.9).stdout)
    problem = mcsgd.problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
    settings = mcsgd.Settings(0.01, trajectories=200)
    study = mcsgd.study(problem, [1.2, 0.7], settings, values=[0.01, 0.005, 0.0025], confidence=0.9)
    assert found == json.loads(json.dumps(study.as_dict()))
    assert isinstance(study, mcsgd.Study)
    assert found["confidence"] == 0.9


def test_picture(command, tmp_path):
    command("-q", "-o", tmp_path / "orders.png")
    assert (tmp_path / "orders.png").stat().st_size > 5000
    assert "exists" in command("-q", "-o", tmp_path / "orders.png", code=2).stderr


def test_the_range_is_warned_of(command):
    assert (
        "warning: m eps lambda_max is beyond 0.3 for step_size 0.1"
        in command("-q", more="[study]\nvalues = [0.1, 0.001]").stderr
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["error: study: is needed: a section with values, or rungs"]),
        ("[study]\nvalues = [0.1, 0.2, 0]", ["error: study.values[2]: must be > 0, got 0"]),
        ("[study]\nvalue = [1, 2]\nrungs = 2\nexact = 'no'", ["error: study.value: unknown key, did you mean values?", "error: study.exact: must be auto, true or false, got 'no'"]),
        ("[flow]\nfields = ['sdg']\n[study]\nvalues = [1]", ["error: flow.fields[0]: must be one of", "error: study.values: must be a list of two"]),
    ],
)  # fmt: skip
def test_wrong_sections(command, more, expected):
    errors = command("-q", more=more, code=2).stderr.splitlines()
    assert len(errors) == len(expected)
    for error, wanted in zip(errors, expected, strict=True):
        assert error.startswith(wanted)


def test_the_shipped_ladder(pytestconfig):
    """Orders 1, 1, 2 and 3 at fixed time; smaller here."""
    given = Experiment.read(pytestconfig.rootpath / "data" / "orders_toy.toml")
    assert given.tables["study"]["values"] == [0.02, 0.01, 0.005, 0.0025, 0.00125]
    settings = mcsgd.Settings(
        **{"step_size": 0.02, "epochs": 2, "trajectories": 2000, "design": "reversed-pairs"}
    )
    found = mcsgd.study(given.problem, given.start, settings, fields=given.fields, **given.study)
    assert [round(one.order, 1) for one in found.fields] == [1, 1, 2, 3]
    assert found.methods == ("prefix tree",) * 3 + ("Monte Carlo",) * 2
