import json

import h5py
import numpy as np
import pytest

from mcsgd.errors import FileFormatError, InputError, OutputExistsError
from mcsgd.experiment import Experiment
from mcsgd.problems import Custom
from mcsgd.storage import load

TOY = {
    "problem": {"kind": "scalar-factorization", "x": [1.0, 0.5, 2.0, 1.5], "y": [0.6, 1.0, 0.2, 0.9]},
    "start": {"value": [1.2, 0.7]},
    "sgd": {"step_size": 0.02},
    "ensemble": {"trajectories": 20},
}
REMOVED = object()


def changed(path, value):
    """Return TOY with one entry, named "section.key" or "section", set or removed."""
    tables = {name: dict(table) for name, table in TOY.items()}
    section, _, key = path.partition(".")
    target, name = (tables.setdefault(section, {}), key) if key else (tables, section)
    if value is REMOVED:
        target.pop(name, None)
    else:
        target[name] = value
    return tables


def issues(tables, folder="."):
    with pytest.raises(InputError) as caught:
        Experiment.from_tables(tables, folder)
    return [str(issue) for issue in caught.value.issues]


def test_reads_a_file_with_defaults_filled_in(tmp_path):
    file = tmp_path / "toy.toml"
    file.write_text(
        """
        [problem]
        kind = "scalar-factorization"
        x = [1, 0.5]
        y = [0.6, 1.0]
        [start]
        kind = "zeros"
        [sgd]
        step_size = 0.02
        sampling = "with-replacement"
        """
    )
    experiment = Experiment.read(file)
    assert experiment.settings.trajectories == 1000
    assert experiment.fields == ("gradient", "gd", "second-order")
    assert experiment.tables["flow"] == {"fields": ["gradient", "gd", "second-order"]}
    assert experiment.tables["problem"]["batch_size"] == 1
    np.testing.assert_array_equal(experiment.start, [0, 0])


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("sgd.step_size", -0.1, "sgd.step_size: must be > 0, got -0.1"),
        ("sgd.step_size", 0, "sgd.step_size: must be > 0, got 0"),
        ("sgd.step_size", float("nan"), "sgd.step_size: must be a finite number, got nan"),
        ("sgd.step_size", 1e9, "sgd.step_size: must be <= 1e+06, got 1e+09"),
        ("sgd.step_size", REMOVED, "sgd.step_size: is needed"),
        ("sgd.epochs", 0, "sgd.epochs: must be >= 1, got 0"),
        ("sgd.epohcs", 1, "sgd.epohcs: unknown key, did you mean epochs?"),
        ("sgd.trajectories", 1, "sgd.trajectories: unknown key"),
        ("sgd.sampling", "random", "sgd.sampling: must be one of random-order,"),
        ("sgd.order", [0, 1], "sgd.order: belongs to sampling given-order"),
        ("ensemble.trajectoris", 5, "ensemble.trajectoris: unknown key, did you mean trajectories?"),
        ("ensemble.seed", -1, "ensemble.seed: must be >= 0, got -1"),
        ("ensemble.design", "balanced", "ensemble.trajectories: must be a multiple of 24, the balanced set of 4"),
        ("ensembel", {}, "ensembel: unknown section, did you mean ensemble?"),
        ("ensemble", 5, "ensemble: must be a section, got 5"),
        ("flow.fields", ["sdg"], "flow.fields[0]: must be one of gradient, gd, sgd, second-order; got 'sdg', did you mean sgd?"),
        ("sgd.schedule", [1.0] * 7, "sgd.schedule: must hold a factor for each of the"),
        ("problem.gradient_penalty", -1, "problem.gradient_penalty: must be >= 0, got -1"),
        ("flow.fields", "sgd", "flow.fields: must be a list of names, got 'sgd'"),
        ("study.vary", {"step_size": [0.1, -1]}, "study.vary.step_size[1]: must be > 0, got -1"),
        ("study.vray", {"step_size": [0.1, 0.2]}, "study.vray: unknown key, did you mean vary?"),
        ("study", 3, "study: must be a section, got 3"),
        ("flow.field", ["sgd"], "flow.field: unknown key, did you mean fields?"),
        ("start.value", [1.0], "start.value: must be one number for each parameter of shape (2), got shape (1,)"),
        ("start.value", REMOVED, "start.value: is needed"),
        ("start.kind", "nromal", "start.kind: must be one of value, zeros, normal; got 'nromal', did you mean normal?"),
        ("start.scale", 1.0, "start.scale: unknown key"),
        ("start", {"kind": "normal", "scale": -1}, "start.scale: must be >= 0, got -1"),
        ("problem.kind", REMOVED, "problem.kind: must be one of scalar-factorization, quadratic,"),
        ("problem.kind", "quadratc", "problem.kind: must be one of"),
        ("problem.x", REMOVED, "problem.x: is needed for kind scalar-factorization"),
        ("problem.x", [1.0, "a"], "problem.x: must be a vector of real numbers"),
        ("problem.batch_size", 5, "problem.batch_size: must be <= the number of examples, 4; got 5"),
        ("problem.bath_size", 2, "problem.bath_size: unknown key, did you mean batch_size?"),
        ("problem.data", "none.h5", "problem.data: must be an HDF5 or .npz file, got none.h5, which does not exist"),
        ("problem.data", 7, "problem.data: must be a file's path, got 7"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_as_in_the_file(path, value, expected):
    found = issues(changed(path, value))
    assert any(issue.startswith(expected) for issue in found), found


def test_fields_without_a_form_for_the_way_to_step():
    tables = changed("flow.fields", ["gd", "second-order"])
    tables["sgd"]["momentum"] = 0.5
    expected = "flow.fields[1]: must be one of gradient, gd, sgd with momentum 0.5, got second-order"
    assert issues(tables) == [expected]
    del tables["flow"]
    assert Experiment.from_tables(tables).fields == ("gradient", "gd", "sgd")


def test_everything_wrong_is_said_at_once():
    tables = changed("sgd.step_size", -0.1)
    tables["ensemble"] = {"trajectoris": 5, "seed": -1}
    tables["problem"]["batch_size"] = 9
    tables["flow"] = {"fields": ["none"]}
    tables["more"] = {}
    names = [issue.split(":")[0] for issue in issues(tables)]
    assert sorted(names) == [
        "ensemble.seed",
        "ensemble.trajectoris",
        "flow.fields[0]",
        "more",
        "problem.batch_size",
        "sgd.step_size",
    ]


@pytest.mark.parametrize("text", ["[sgd", "a = 1\na = 2", "\xff"])
def test_not_toml(tmp_path, text):
    file = tmp_path / "broken.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"experiment: must be a TOML file, got .*broken\.toml: "):
        Experiment.read(file)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"experiment: must be a TOML file, got .*none\.toml: No such file"):
        Experiment.read(tmp_path / "none.toml")


# Data files -----------------------------------------------------------------------------------

REGRESSION = {
    "problem": {"kind": "linear", "batch_size": 2},
    "start": {"kind": "zeros"},
    "sgd": {"step_size": 0.1},
}


def with_data(name, **more):
    return REGRESSION | {"problem": REGRESSION["problem"] | {"data": name} | more}


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_data_files_relative_to_the_experiment(tmp_path, suffix):
    X, y = np.arange(8.0).reshape(4, 2), np.arange(4)
    if suffix == ".npz":
        np.savez(tmp_path / "data.npz", X=X, y=y)
    else:
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["X"], file["y"] = X, y
    experiment = Experiment.from_tables(with_data(f"data{suffix}"), tmp_path)
    np.testing.assert_array_equal(experiment.problem.data[0], X)
    np.testing.assert_array_equal(experiment.problem.data[1], y)
    assert issues(with_data(f"data{suffix}", y=[1.0]), tmp_path) == [
        f"problem.y: is given in the section and in data{suffix}"
    ]


def test_wrong_data_files(tmp_path):
    (tmp_path / "text.h5").write_text("no")
    assert "problem.data: must be an HDF5 or .npz file" in issues(with_data("text.h5"), tmp_path)[0]
    np.savez(tmp_path / "other.npz", Z=[1.0])
    found = issues(with_data("other.npz"), tmp_path)
    assert found[0] == "problem.data: must hold any of the arrays X, y, batch_size, l2; other.npz has Z"
    np.savez(tmp_path / "nan.npz", X=[[1.0], [np.nan]], y=[1.0, 2.0])
    assert issues(with_data("nan.npz"), tmp_path) == [
        "problem.X: must be finite, got nan at [1, 0] (1 such values)"
    ]
    np.savez(tmp_path / "empty.npz", X=np.empty((0, 2)), y=np.empty(0))
    assert "problem.X: must not be empty, got shape (0, 2)" in issues(with_data("empty.npz"), tmp_path)


@pytest.mark.parametrize("length", [0, 300])
def test_damaged_npz_file(tmp_path, length):
    np.savez(tmp_path / "whole.npz", X=np.ones((20, 3)), y=np.ones(20))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:length])
    assert "problem.data: must be an HDF5 or .npz file" in issues(with_data("cut.npz"), tmp_path)[0]


def test_arrays_in_tables_can_be_written(tmp_path):
    tables = changed("problem.x", np.array(TOY["problem"]["x"]))
    Experiment.from_tables(tables).run(tmp_path / "run.h5")
    assert load(tmp_path / "run.h5").experiment["problem"]["x"] == TOY["problem"]["x"]


# Custom problems ------------------------------------------------------------------------------

SOURCE = """
import numpy as np
from mcsgd.problems import Custom

def gradient(w, batch, data, out):
    (x,) = data
    out[:] = 0.0
    for i in batch:
        r = w - x[i]
        out += r * r * r / batch.size

def problem(batch_size, scale=1.0):
    return Custom(gradient, (scale * np.eye(4),), parameters=4, examples=4, batch_size=batch_size)

def nothing():
    return 3
"""


def custom(**keys):
    return {"problem": {"kind": "custom", **keys}, "start": {"kind": "zeros"}, "sgd": {"step_size": 0.1}}


def test_custom_problem_from_a_python_file(tmp_path):
    (tmp_path / "cubic.py").write_text(SOURCE)
    experiment = Experiment.from_tables(custom(source="cubic.py", batch_size=2, scale=2.0), tmp_path)
    assert isinstance(experiment.problem, Custom)
    assert experiment.problem.derivatives == "complex step"
    run = experiment.run()
    assert run.flows["sgd"].derivatives == "complex step"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "problem.source: must be a Python file with a function problem, got None"),
        ({"source": "none.py"}, "problem.source: must be a Python file with a function problem, got 'none.py'"),
        ({"source": "cubic.py", "function": "no"}, "problem.function: must be a function of cubic.py, got 'no'"),
        ({"source": "cubic.py"}, "problem.batch_size: is needed for kind custom"),
        ({"source": "cubic.py", "batch_size": 9}, "problem.batch_size: must be <= the number of examples, 4; got 9"),
        ({"source": "cubic.py", "function": "nothing"}, "problem.function: must return a mcsgd Problem, got int"),
    ],
)  # fmt: skip
def test_wrong_custom_problem(tmp_path, keys, expected):
    (tmp_path / "cubic.py").write_text(SOURCE)
    assert issues(custom(**keys), tmp_path) == [expected]


# Running --------------------------------------------------------------------------------------


def test_run_writes_cloud_and_flows(tmp_path):
    path = tmp_path / "new" / "toy.h5"
    run = Experiment.from_tables(TOY).run(path)
    again = load(path)
    np.testing.assert_array_equal(again.cloud.endpoints, run.cloud.endpoints)
    assert list(again.flows) == ["gradient", "gd", "sgd", "second-order"]
    for name, flow in again.flows.items():
        np.testing.assert_array_equal(flow.path, run.flows[name].path)
    assert again.experiment == json.loads(json.dumps(run.experiment))
    assert again.experiment["problem"]["x"] == TOY["problem"]["x"]
    assert again.provenance["environment"]["workers"] >= 1


def test_a_study_section_is_kept_and_does_not_change_the_run():
    tables = changed("study", {"vary": {"step_size": {"rungs": 2}}})
    experiment = Experiment.from_tables(tables)
    table = {"vary": {"step_size": [0.02, 0.01]}, "fixed_time": False, "exact": "auto"}
    assert experiment.grid.as_table() == table
    run, plain = experiment.run(), Experiment.from_tables(TOY).run()
    assert run.cloud.fingerprint == plain.cloud.fingerprint
    assert run.experiment["study"] == table
    assert "study" not in plain.experiment
    with pytest.raises(InputError, match="study: is needed: a section with vary"):
        Experiment.from_tables(TOY).study()


def test_nothing_is_computed_if_the_output_cannot_be(tmp_path):
    path = tmp_path / "there.h5"
    path.write_text("precious")

    def never(done, total):
        raise AssertionError

    with pytest.raises(FileFormatError, match=r"there\.h5 is not an HDF5 file"):
        Experiment.from_tables(TOY).run(path, progress=never)
    assert path.read_text() == "precious"
    other, sgd = tmp_path / "other.h5", TOY["sgd"] | {"step_size": TOY["sgd"]["step_size"] / 2}
    Experiment.from_tables(TOY | {"sgd": sgd}).run(other)
    before = other.read_bytes()
    message = r"other\.h5 is of another experiment; it was not touched\. sgd\.step_size: .* there, .* here\."
    with pytest.raises(OutputExistsError, match=message):
        Experiment.from_tables(TOY).run(other, progress=never)
    assert other.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} == {"there.h5", "other.h5"}
    with pytest.raises(InputError, match="workers: must be >= 1, got 0"):
        Experiment.from_tables(TOY).run(workers=0, progress=never)


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits"])
def test_shipped_experiments(name, pytestconfig):
    """Their sizes and preprocessing; and a few trajectories of each run."""
    data = pytestconfig.rootpath / "data"
    experiment = Experiment.read(data / f"{name}.toml")
    with h5py.File(data / f"{name}.h5") as file:
        X = file["X"][()]
        assert {"title", "source", "licence", "preprocessing"} <= set(file.attrs)
    assert X.shape == {"breast_cancer": (569, 30), "diabetes": (442, 10), "digits": (1797, 64)}[name]
    if name == "digits":
        assert set(np.unique(X * 16)) <= set(range(17))
    else:
        np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(X.std(axis=0), 1, rtol=1e-12)
    tables = {**experiment.tables, "ensemble": {"trajectories": 4}, "flow": {"fields": ["sgd"]}}
    run = Experiment.from_tables(tables, data).run()
    assert run.cloud.diverged == 0
