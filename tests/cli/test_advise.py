"""mcsgd advise."""

import json

import pytest
from typer.testing import CliRunner

from mcsgd.cli import app

TOY = """
[problem]
kind = "scalar-factorization"
x = [1.0, 0.5, 2.0, 1.5]
y = [0.6, 1.0, 0.2, 0.9]
[start]
value = [1.2, 0.7]
[sgd]
step_size = 0.01
{more}
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setattr("mcsgd.advisor.pilots.BURST", 0.0)

    def run(*options, more="", code=0):
        path = tmp_path / "toy.toml"
        path.write_text(TOY.format(more=more))
        arguments = ["advise", str(path), *options]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


def test_table(command):
    lines = command().stdout.splitlines()
    assert lines[0].startswith("Trajectories for 5 standard errors on a distance of ")
    assert lines[0].endswith(" (gradient to sgd), by small pilots")
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:6]}
    assert {design: row[0] for design, row in rows.items()} == {
        "independent": "1",
        "reversed-pairs": "2",
        "balanced": "24",
        "control-variate": "1",
    }
    assert rows["reversed-pairs"][2:6] == ["16", "16", "to", "16"]
    assert lines[-1].split(": ")[0] == "Cheapest here"


def test_reasons(command):
    text = command("--resolve", "1e-200", more='sampling = "reshuffle-examples"').stdout
    assert "(any direction)" in text
    assert "balanced: balanced needs fixed batches" in text
    assert "independent: resolves no distance below 6e-12" in text
    assert "Cheapest" not in text


def test_json(command):
    options = ("--resolve", "sgd, second-order", "--standard-errors", "3", "--pilot", "200", "--json")
    found = json.loads(command(*options).stdout)
    assert [advice["design"] for advice in found] == [
        "independent",
        "reversed-pairs",
        "balanced",
        "control-variate",
    ]
    assert [advice["pilot_units"] for advice in found] == [200, 100, 9, 200]
    assert sum(advice["cheapest"] for advice in found) == 1
    for advice in found:
        assert (advice["fields"], advice["standard_errors"]) == (["sgd", "second-order"], 3)
        few, many = advice["trajectories_interval"]
        assert few <= advice["trajectories"] <= many


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--resolve", "sgd"), "resolve: must be two fields or a distance, got ['sgd']"),
        (("--resolve", "sgd,gdd"), "resolve: must be one of gradient, gd, sgd, second-order; got 'gdd'"),
        (("--resolve", "-1"), "resolve: must be > 0, got -1"),
        (("--pilot", "1"), "pilot: must be >= 2, got 1"),
        (("--standard-errors", "0"), "standard_errors: must be > 0, got 0"),
    ],
)
def test_wrong_options(command, options, expected):
    assert command(*options, code=2).stderr.startswith(f"error: {expected}")


def test_refusal_names_the_keys_of_the_file(command):
    wrong = 'sampling = "given-order"\norder = [0, 1]'
    assert command(more=wrong, code=2).stderr.startswith("error: sgd.order: must hold each of the 4 batches")
