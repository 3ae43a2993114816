import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from run_files import CORRECTED, DIVERGED, FULL, warned

from mcsgd.errors import InputError
from mcsgd.experiment import Experiment
from mcsgd.rerun import experiment_text, settings_text, toml_text
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage import load
from mcsgd.storage.studies import load_study

VALUES = {
    "text": 'quote " backslash \\ tab \t newline \n bell \x07 DEL \x7f umlaut ü and ∇',
    "empty": "",
    "truth": True,
    "integer": 2**63 - 1,
    "small": 5e-324,
    "large": 1.7976931348623157e308,
    "infinite": float("-inf"),
    "list": [[1.0, -2.5], ["a", 'b"']],
    "nothing": [],
    "table": {"inner": {"a b": 1}, "é": [{"x": 1.0}]},
    "key with = and .": 1,
}


def test_toml_is_read_back_as_it_was():
    tables = {"problem": VALUES, "a.b": {}, "empty": {}}
    assert tomllib.loads(toml_text(tables)) == tables
    assert np.isnan(tomllib.loads(toml_text({"a": {"b": float("nan")}}))["a"]["b"])


def test_toml_leaves_out_what_is_none():
    assert tomllib.loads(toml_text({"a": {"b": None, "c": {"d": None}}})) == {"a": {"c": {}}}


def fingerprint(text, folder):
    """Of a few trajectories of the experiment."""
    path = folder / "again.toml"
    path.write_text(text)
    return Experiment.read(path).run().cloud.fingerprint


@pytest.mark.parametrize("text", [FULL, CORRECTED, DIVERGED], ids=["full", "corrected", "diverged"])
def test_the_experiment_of_a_file_is_the_same_again(text, tmp_path):
    """All its settings, flows, and as many trajectories as there are."""
    (tmp_path / "run.toml").write_text(text)
    with warned(text):
        Experiment.read(tmp_path / "run.toml").run(tmp_path / "run.h5")
    run = load(tmp_path / "run.h5")
    again = tmp_path / "again.toml"
    again.write_text(experiment_text(run))
    experiment = Experiment.read(again)
    assert experiment.settings == run.cloud.settings
    assert experiment.fields == tuple(run.flows)
    with warned(text):
        assert experiment.run().cloud.fingerprint == run.cloud.fingerprint


def test_a_run_of_data_and_with_a_study(tmp_path, pytestconfig):
    """Sizes that follow from the data are not in it, nor the ladder, which is not part of a run."""
    data = pytestconfig.rootpath / "data"
    experiment = Experiment.read(data / "breast_cancer.toml")
    tables = {
        **experiment.tables,
        "ensemble": {"trajectories": 4},
        "study": {"vary": {"step_size": {"rungs": 2}}},
    }
    run = Experiment.from_tables(tables, data).run()
    text = experiment_text(run)
    assert set(tomllib.loads(text)) == {"problem", "start", "sgd", "ensemble", "flow"}
    assert (
        tomllib.loads(text)["problem"] == tomllib.loads((data / "breast_cancer.toml").read_text())["problem"]
    )
    again = Experiment.from_tables(tomllib.loads(text), data).run()
    assert again.cloud.fingerprint == run.cloud.fingerprint
    assert json.loads(json.dumps(run.provenance))["parameters"]["problem"]["examples"] == 569


@pytest.mark.parametrize(
    ("sampling", "more"),
    [
        (["random-order", "full-batch"], {}),
        (["random-order", "with-replacement"], {}),
        (["random-order", "shuffle-once"], {"flow": {"fields": ["gradient", "sgd"]}}),
    ],
)
def test_a_study(sampling, more, tmp_path):
    """The same points and means, to the same flows, which each point may have its own of."""
    tables = {
        "problem": {"kind": "scalar-factorization", "x": [1.0, 0.5], "y": [0.6, 1.0]},
        "start": {"kind": "normal", "scale": 0.5},
        "sgd": {"step_size": 0.02},
        "ensemble": {"trajectories": 20},
        "study": {
            "vary": {"step_size": {"rungs": 2}, "start_seed": [1, 2], "sampling": sampling},
            "fixed_time": True,
            "exact": False,
        },
    } | more
    found = Experiment.from_tables(tables).study(tmp_path / "study.h5")
    text = experiment_text(load_study(tmp_path / "study.h5"))
    again = Experiment.from_tables(tomllib.loads(text)).study()
    assert again.as_dict() == found.as_dict()
    with pytest.raises(
        InputError, match=r"study: must come from an experiment file, got one of mcsgd\.study"
    ):
        experiment_text(replace(found, experiment={}))


def test_a_custom_problem(tmp_path):
    """Its own keys stay, and its kind, whatever problem the function returns."""
    (tmp_path / "bowl.py").write_text(
        "from mcsgd.problems import Quadratic\ndef problem(width, examples=3):\n"
        "    return Quadratic([[[width]]] * examples, [[0.0]] * examples)\n"
    )
    problem = {"kind": "custom", "source": "bowl.py", "width": 2.0}
    tables = {"problem": problem, "start": {"value": [1.0]}, "sgd": {"step_size": 0.1}}
    run = Experiment.from_tables(tables, tmp_path).run()
    again = fingerprint(experiment_text(run), tmp_path)
    assert again == run.cloud.fingerprint


def test_a_run_from_python_has_no_file(toy, tmp_path):
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2), tmp_path / "run.h5")
    for run in (load(tmp_path / "run.h5"), Run(load(tmp_path / "run.h5").cloud)):
        with pytest.raises(
            InputError, match=r"run: must come from an experiment file, got one of mcsgd\.sim"
        ):
            experiment_text(run)


def test_settings_as_python():
    settings = Settings(0.1, trajectories=4, schedule=[1.0], design="reversed-pairs", snapshots=[1])
    text = settings_text(settings)
    assert text.startswith("settings = mcsgd.Settings(step_size=0.1, ")
    assert eval(text.removeprefix("settings = mcsgd.")) == settings
