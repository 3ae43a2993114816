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
vary.step_size = [0.01, 0.005, 0.0025]
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
    assert lines[1].split() == ["step_size", "m", "eps", "λ", "distance", "±", "slope", "±"]
    first, second = lines[2].split(), lines[3].split()
    assert (first[0], first[4], second[0], second[4]) == ("0.01", "-", "0.005", "1.920")
    assert "Orders in the step size, with 95% intervals; all means are exact" in lines
    assert [line.split(": order ")[0] for line in lines[-4:]] == ["gradient", "gd", "sgd", "second-order"]
    assert lines[-2].startswith("sgd: order 2.99")
    assert lines[-2].endswith("fitted to 3 of 3 rungs.")


def test_monte_carlo_shows_progress_and_what_is_left_out(command, monkeypatch):
    monkeypatch.setattr("mcsgd.progress.EVERY", 0.0)
    result = command(more=LADDER + "exact = false")
    assert "mcsgd: 100 %, 0 s left" in result.stderr
    assert "means are over 200 trajectories each" in result.stdout
    assert "below two standard errors" in result.stdout
    assert "would be needed, or design reversed-pairs" in result.stdout


def test_json_is_the_study(command):
    found = json.loads(command("--json", "-q", "--confidence", 0.9).stdout)
    problem = mcsgd.problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
    settings = mcsgd.Settings(0.01, trajectories=200)
    study = mcsgd.study(problem, [1.2, 0.7], settings, {"step_size": [0.01, 0.005, 0.0025]})
    assert found == json.loads(json.dumps(study.as_dict(0.9)))
    assert isinstance(study, mcsgd.Study)
    assert found["ladders"][0]["confidence"] == 0.9


def test_the_range_is_warned_of(command):
    assert (
        "warning: m eps lambda_max is beyond 0.3 for step_size 0.1"
        in command("-q", more="[study]\nvary.step_size = [0.1, 0.001]").stderr
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["error: study: is needed: a section with vary"]),
        ("[study]\nvary.step_size = [0.1, 0.2, 0]", ["error: study.vary.step_size[2]: must be > 0, got 0"]),
        ("[study]\nvary.step_size = [0.1, 0.2]\nexact = 'no'", ["error: study.exact: must be auto, true or false, got 'no'"]),
        ("[flow]\nfields = ['sdg']\n[study]\nvary.step_size = [1]", ["error: flow.fields[0]: must be one of", "error: study.vary.step_size: must be a list of two"]),
        ("[flow]\nfields = ['second-order']\n[study]\nvary.substeps = [2, 4]", ["error: flow.fields[0]: must be one of gradient, gd, sgd with substeps 2, got second-order, at substeps 2"]),
    ],
)  # fmt: skip
def test_wrong_sections(command, more, expected):
    errors = command("-q", more=more, code=2).stderr.splitlines()
    assert len(errors) == len(expected)
    for error, wanted in zip(errors, expected, strict=True):
        assert error.startswith(wanted)


def test_a_study_in_a_file(command, tmp_path):
    """Written, left alone, extended; printed, drawn and described again without computing."""
    path, options = tmp_path / "study.h5", ("-q", "-o", tmp_path / "study.h5")
    text = command(*options).stdout
    assert text.startswith(f"Written to {path}\nDistance of the mean")
    printed = text.partition("\n")[2]
    assert command(*options).stdout == f"{path} has all of this already\n{printed}"
    assert other("compare", path).stdout == printed
    assert other("compare", path, "--json").stdout == command(*options, "--json").stdout
    about = json.loads(other("info", path, "--json").stdout)
    assert (about["points"], about["exact"], about["axes"]) == (3, 3, {"step_size": [0.01, 0.005, 0.0025]})
    assert "3; all means are exact" in other("info", path).stdout
    assert "is whole" in other("verify", path).stdout
    other("plot", path)
    assert path.with_suffix(".png").stat().st_size > 5000
    other("plot", path, "--kind", "order", "--force")
    refused = CliRunner().invoke(app, ["plot", str(path), "--kind", "cloud"])
    assert "kind: must be order for a study, got 'cloud'" in refused.stderr
    assert refused.exit_code == 2
    other("report", path)
    assert "sgd" in path.with_suffix(".html").read_text(encoding="utf-8")
    more = LADDER.replace("0.0025]", "0.0025, 0.00125]")
    assert "fitted to 4 of 4 rungs" in command(*options, more=more).stdout
    before = path.read_bytes()
    refused = command(*options, code=2).stderr
    assert "is of another experiment; it was not touched. study.vary.step_size:" in refused
    assert path.read_bytes() == before


def other(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_a_grid(command):
    more = LADDER + "vary.epochs = [1, 2]\nexact = false"
    lines = command("-q", more=more).stdout.splitlines()
    assert lines[0] == "Distance of the mean endpoint to each flow"
    assert lines[1].split() == [
        "step_size",
        "epochs",
        "m",
        "eps",
        "λ",
        "gradient",
        "gd",
        "sgd",
        "second-order",
    ]
    assert lines[2].split()[:2] == ["0.01", "1"]
    assert [line for line in lines if line.startswith("At")] == ["At epochs 1:", "At epochs 2:"]
    assert sum(line.startswith("gradient: order") for line in lines) == 2


def test_without_a_ladder_there_are_distances(command):
    more = '[study]\nvary.sampling = ["random-order", "with-replacement"]\nexact = false'
    lines = command("-q", more=more).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["sampling", "random-order", "with-replacement"]
    assert lines[3].split()[-4] == "-"  # sgd's field is not that of with-replacement
    assert lines[-1] == "means are over 200 trajectories each"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--time-limit", 1], "time_limit: needs an output, where what is done is kept"),
        (["--engine", "dask"], "engine: needs an output, where what is done is kept"),
        (["--confidence", 2], "confidence: must be <= 1"),
        (["--workers", 0], "workers: must be >= 1, got 0"),
        (["--task", "0/2"], "task: needs an output, where what is done is kept"),
        (["--task", "2/2", "-o", "s.h5"], "task: must be K/N with K = 0..N-1, got 2/2"),
        (["--task", "0/2", "--engine", "mpi"], "task: goes with engine local, got engine mpi"),
        (["--tasks", 2], "tasks: needs an output, where what is done is kept"),
        (["--tasks", 0, "-o", "s.h5"], "tasks: must be >= 1, got 0"),
        (["--tasks", 2, "--task", "0/2", "-o", "s.h5"], "tasks: puts together what tasks have done"),
    ],
)
def test_wrong_options(command, options, expected):
    assert expected in command("-q", *options, code=2).stderr


def test_the_time_is_over(command, tmp_path):
    """The command fails, for there is no study yet; the same goes on."""
    options = ("-q", "-o", tmp_path / "study.h5")
    stderr = command(*options, "--time-limit", 1e-9, code=1).stderr
    assert "the time was over with 0 of 3 points done, which are kept in" in stderr
    assert command(*options).stdout.startswith("Written to")


def test_tasks(command, tmp_path):
    path = tmp_path / "study.h5"
    options, more = ("-q", "-o", path), LADDER + "exact = false"
    said = command(*options, "--task", "1/2", more=more).stdout
    assert (
        said
        == f"Task 1/2 is done; mcsgd study {tmp_path / 'toy.toml'} -o {path} makes the file when all are\n"
    )
    stderr = command(*options, "--tasks", 2, more=more, code=1).stderr
    assert stderr.startswith("error: of 2 tasks, these are not done: 0. What is done is kept in")
    done = json.loads(command(*options, "--task", "0/2", "--json", more=more).stdout)
    assert done == {"task": "0/2", "done": True}
    assert not path.exists()
    assert command(*options, "--tasks", 2, more=more).stdout.startswith(f"Written to {path}")
    assert command(*options, "--tasks", 2, more=more).stdout.startswith(f"{path} has all of this already")


def test_the_shipped_ladder(pytestconfig):
    """Orders 1, 1, 2 and 3 at fixed time; smaller here."""
    given = Experiment.read(pytestconfig.rootpath / "data" / "orders_toy.toml")
    assert given.tables["study"]["vary"] == {"step_size": [0.02, 0.01, 0.005, 0.0025, 0.00125]}
    settings = mcsgd.Settings(
        **{"step_size": 0.02, "epochs": 2, "trajectories": 2000, "design": "reversed-pairs"}
    )
    vary = given.tables["study"]["vary"]
    found = mcsgd.study(given.problem, given.start, settings, vary, given.fields, fixed_time=True).ladder()
    assert [round(one.order, 1) for one in found.fields] == [1, 1, 2, 3]
    assert found.methods == ("prefix tree",) * 3 + ("Monte Carlo",) * 2
