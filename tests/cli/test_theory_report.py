"""mcsgd minima and mcsgd decompose; the cloud's width after a run."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import mcsgd
from mcsgd.cli import app
from mcsgd.theory import decompose, minima, predicted_covariance, stationary_covariance

QUADRATIC = """
[problem]
kind = "quadratic"
hessians = [[[1.0, 0.5], [0.5, 2.0]], [[3.0, 0.0], [0.0, 1.0]], [[1.0, -0.2], [-0.2, 0.5]]]
centers = [[1.0, 0.0], [0.0, -1.0], [2.0, 1.0]]
[start]
value = [3.0, -2.0]
[sgd]
step_size = 0.02
epochs = 4
{sgd}
[ensemble]
trajectories = 200
"""


@pytest.fixture
def experiment(tmp_path):
    def write(sgd="", text=QUADRATIC):
        path = tmp_path / "quadratic.toml"
        path.write_text(text.format(sgd=sgd))
        return path

    return write


def command(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def read(path):
    from mcsgd.experiment import Experiment

    given = Experiment.read(path)
    return given.problem, given.start, given.settings


def test_minima(experiment):
    path = experiment()
    problem, start, settings = read(path)
    about = json.loads(command("minima", path, "--json").stdout)
    assert (about["step_size"], about["sampling"]) == (0.02, "random-order")
    found = minima(problem, start, settings)
    for s, listed in zip(found, about["minima"], strict=True):
        cloud = stationary_covariance(problem, settings, s.point)
        assert listed["field"] == s.field
        assert listed["point"] == s.point.tolist()
        assert listed["loss"] == problem.loss(s.point)
        assert listed["standard_deviation"] == np.sqrt(np.trace(cloud))
        assert listed["standard_deviation_by_coordinate"] == np.sqrt(np.diag(cloud)).tolist()
        for other in found:
            gap = np.linalg.norm(s.point - other.point)
            assert listed["distances"][other.field] == pytest.approx(gap, rel=1e-12)
    assert about["minima"][2]["loss"] > about["minima"][0]["loss"]
    lines = command("minima", path).stdout.splitlines()
    assert lines[0] == "Minima at step size 0.02, sampling random-order"
    assert [line.split()[0] for line in lines[2:]] == [
        "gradient",
        "gd",
        "sgd",
        "Where",
        "coordinate",
        "0",
        "1",
    ]


def test_minima_with_replacement_are_without_the_variance_penalty(experiment):
    about = json.loads(command("minima", experiment('sampling = "with-replacement"'), "--json").stdout)
    assert [s["field"] for s in about["minima"]] == ["gradient", "gd"]


def test_the_loss_is_that_of_the_sampling(experiment):
    """Full batches weigh examples equally, also those of a smaller last batch."""
    text = QUADRATIC.replace("[start]", "batch_size = 2\n[start]")
    for sampling in ("full-batch", "reshuffle-examples"):
        path = experiment(f'sampling = "{sampling}"', text)
        problem = read(path)[0]
        lowest = json.loads(command("minima", path, "--json").stdout)["minima"][0]
        one_by_one = problem.with_batch_size(1)
        assert lowest["loss"] == pytest.approx(one_by_one.loss(lowest["point"]), rel=1e-14)
        assert np.abs(one_by_one.gradient(lowest["point"])).max() < 1e-14


VALLEY = """
[problem]
kind = "scalar-factorization"
x = [1.0, 0.5]
y = [0.6, 1.0]
[start]
value = [1.2, 0.7]
[sgd]
step_size = 0.02
"""


def test_minima_refusals_name_the_keys_of_the_file(experiment):
    valley = command("minima", experiment(text=VALLEY), code=2).stderr
    assert valley.startswith(
        "error: start: must be at or lead to a minimum where the Hessian of C is positive"
    )
    momentum = command("minima", experiment("momentum = 0.5"), code=2).stderr
    assert momentum.startswith("error: sgd.momentum: must be left at its default")


@pytest.mark.parametrize(("options", "count"), [((), 11), (("--points", "3"), 3)])
def test_decompose(experiment, options, count):
    path = experiment()
    problem, start, settings = read(path)
    about = json.loads(command("decompose", path, "--json", "--field", "gradient", *options).stdout)
    flow = mcsgd.integrate(problem, start, settings, "gradient")
    parts = decompose(problem, flow, settings)
    rows = np.searchsorted(flow.time, about["time"])
    assert (len(rows), rows[0], rows[-1]) == (count, 0, len(flow.time) - 1)
    assert (about["field"], about["message"]) == ("gradient", "")
    for name in ("loss", "gradient_term", "variance_term", "total"):
        assert about[name] == getattr(parts, name)[rows].tolist()
    lines = command("decompose", path, *options).stdout.splitlines()
    assert lines[0] == "Terms of the modified loss along the sgd flow"
    assert len(lines) == 2 + count
    assert [float(cell) for cell in lines[2].split()] == pytest.approx(
        [0.0, *(getattr(parts, name)[0] for name in ("loss", "gradient_term", "variance_term", "total"))],
        rel=1e-3,
    )


def test_decompose_refusals(experiment):
    path = experiment('sampling = "given-order"\norder = [0, 1, 2]')
    assert command("decompose", path, code=2).stderr.startswith(
        "error: sgd.sampling: given-order has a field"
    )
    unknown = command("decompose", experiment(), "--field", "sdg", code=2).stderr
    assert unknown.startswith("error: field: must be one of")
    assert command("decompose", experiment(), "--points", 1, code=2).stderr.startswith(
        "error: points: must be >= 2"
    )


def test_decompose_goes_along_the_sampling_s_own_flow(experiment):
    result = command("decompose", experiment('sampling = "with-replacement"'))
    assert result.stdout.startswith("Terms of the modified loss along the gd flow")
    assert not result.stderr


def test_decompose_refuses_the_way_to_step_before_the_field(experiment):
    path = experiment('sampling = "full-batch"\noptimizer = "adam"')
    for field in ((), ("--field", "sgd")):
        refused = command("decompose", path, *field, code=2).stderr
        assert refused.startswith("error: sgd.optimizer: must be left at its default")


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
"""


def test_decompose_as_far_as_the_flow_goes(experiment):
    text = command("decompose", experiment(text=ESCAPING), "--field", "gradient").stdout
    assert "The flow gradient has no endpoint: it grew beyond 1e+60" in text


def test_the_width_of_the_cloud_after_a_run_and_from_its_file(experiment, tmp_path):
    path, file = experiment(), tmp_path / "run.h5"
    problem, start, settings = read(path)
    printed = command("run", path, "-o", file, "-q").stdout
    again = command("compare", file).stdout
    assert again in printed
    assert "Standard deviation of the endpoints, all coordinates together" in again
    about = json.loads(command("compare", file, "--json").stdout)["covariance"]
    predicted = predicted_covariance(problem, start, settings)
    assert about["predicted_by_coordinate"] == np.sqrt(np.diag(predicted)).tolist()
    run = mcsgd.load(file)
    assert about["sample_by_coordinate"] == np.sqrt(np.diag(run.cloud.covariance)).tolist()
    assert abs(about["ratio"] - 1) < 5 * about["ratio_standard_error"] + 0.1
    assert "predicted" in command("compare", file, "--coordinates").stdout.splitlines()[-5]


@pytest.mark.parametrize("sgd", ["momentum = 0.5", 'sampling = "full-batch"'])
def test_nothing_is_said_of_the_width_where_nothing_is_predicted(experiment, tmp_path, sgd):
    file = tmp_path / "run.h5"
    assert "Standard deviation" not in command("run", experiment(sgd), "-o", file, "-q").stdout
    assert json.loads(command("compare", file, "--json").stdout)["covariance"] is None
    assert mcsgd.load(file).predicted_covariance is None
