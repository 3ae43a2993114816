"""mcsgd exact."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import mcsgd
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
epochs = {epochs}
"""


@pytest.fixture
def command(tmp_path):
    def run(*options, epochs=1, code=0):
        path = tmp_path / "toy.toml"
        path.write_text(TOY.format(epochs=epochs))
        result = CliRunner().invoke(app, ["exact", str(path), *options], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


def test_table(command):
    lines = command().stdout.splitlines()
    assert lines[0] == "Exact mean of all 24 equally likely endpoints of 1 epoch, by prefix tree"
    assert lines[2].split()[1].startswith("1.1768")
    table = dict(line.split() for line in lines[-4:])
    assert list(table) == ["gradient", "gd", "sgd", "second-order"]
    assert float(table["second-order"]) < float(table["sgd"]) < float(table["gradient"]) / 10


def test_json(command):
    about = json.loads(command("--json", epochs=2).stdout)
    problem = mcsgd.problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
    settings = mcsgd.Settings(0.01, epochs=2)
    answer = mcsgd.exact_mean(problem, [1.2, 0.7], settings)
    assert about["method"] == "prefix tree"
    assert (about["endpoints"], about["epochs"]) == (576, 2)
    assert about["mean"] == answer.mean.tolist()
    assert about["standard_deviation"] == np.sqrt(np.diag(answer.covariance)).tolist()
    for flow in about["flows"]:
        end = mcsgd.integrate(problem, [1.2, 0.7], settings, flow["field"]).endpoint
        assert flow["difference"] == (answer.mean - end).tolist()
        assert flow["distance"] == pytest.approx(np.linalg.norm(answer.mean - end), rel=1e-9)


def test_refusal_names_the_keys_of_the_file(command):
    errors = command(epochs=40, code=2).stderr.splitlines()
    assert len(errors) == 5
    assert errors[0].startswith("error: sgd.sampling: must be given-order or full-batch, got random-order")
    assert errors[-1].startswith("error: max_steps: must be >= 9.2e+18 and more, got 1e+08")
    assert (
        command("--max-steps", "63", code=2)
        .stderr.splitlines()[-1]
        .startswith("error: max_steps: must be >= 64")
    )


ESCAPING = """
[problem]
kind = "quadratic"
hessians = [[[-1.0]]]
centers = [[0.0]]
[start]
value = [1.0]
[sgd]
step_size = 1.0
epochs = 150
[flow]
fields = ["gradient"]
"""


def test_a_flow_without_an_endpoint(tmp_path):
    """Each step doubles, and the flow grows by e."""
    path = tmp_path / "escaping.toml"
    path.write_text(ESCAPING)
    text = CliRunner().invoke(app, ["exact", str(path)], catch_exceptions=False).stdout
    assert text.startswith("Exact mean of 1 endpoint of 150 epochs, by one-parameter recurrence")
    assert (
        "The flow gradient has no endpoint: it grew beyond 1e+60 or became too stiff after time 138" in text
    )
    about = json.loads(CliRunner().invoke(app, ["exact", str(path), "--json"], catch_exceptions=False).stdout)
    assert about["mean"] == [2.0**150]
    assert about["flows"][0]["distance"] is None
