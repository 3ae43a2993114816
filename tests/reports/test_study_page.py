"""Pages of studies: of one ladder, of a grid, of what has no size, from Python."""

import pytest
from page_reader import Page

import mcsgd
from mcsgd.errors import InputError
from mcsgd.experiment import Experiment
from mcsgd.reports import report
from mcsgd.rerun import experiment_text
from mcsgd.studies.tables import orders_table, studied_table

TABLES = {
    "problem": {"kind": "scalar-factorization", "x": [1.0, 0.5, 2.0], "y": [0.6, 1.0, 0.2]},
    "start": {"value": [1.2, 0.7]},
    "sgd": {"step_size": 0.01},
    "ensemble": {"trajectories": 20},
}
STEPS = {"step_size": [0.01, 0.005, 0.0025]}
KINDS = {
    "ladder": (STEPS, 1, "on step size?"),
    "grid": (STEPS | {"epochs": [1, 2]}, 2, "on step size and epochs?"),
    "no ladder": ({"sampling": ["random-order", "full-batch"]}, 0, "on sampling?"),
}


def study(folder, vary):
    experiment = Experiment.from_tables({**TABLES, "study": {"vary": vary}})
    return experiment.study(folder / "study.h5")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_study_has_a_page(kind, tmp_path):
    """A figure for each ladder, and every cell of the tables that the terminal shows."""
    vary, figures, question = KINDS[kind]
    found = study(tmp_path, vary)
    text = report(tmp_path / "study.h5", tmp_path / "page.html", 0.9).read_text(encoding="utf-8")
    page = Page(text)
    assert question in page.text
    assert len(page.all("figure")) == figures
    ladders = found.ladders(0.9)
    for table in [studied_table(found), *([orders_table(ladders)] if ladders else [])]:
        for cell in [cell for row in table.rows for cell in row]:
            assert " ".join(cell.split()) in page.text
    assert " ".join(experiment_text(found).split()) in page.text
    assert "mcsgd study experiment.toml -o again.h5" in page.text
    assert ("90% interval" in page.text) is bool(ladders)


def test_a_study_from_python(toy, tmp_path):
    found = mcsgd.study(toy, [1.2, 0.7], mcsgd.Settings(0.01, trajectories=20), STEPS)
    page = Page(report(found, tmp_path / "page.html").read_text(encoding="utf-8"))
    call = "study = mcsgd.study(problem, start, settings, {'step_size': [0.01, 0.005, 0.0025]})"
    assert f"settings = mcsgd.Settings(step_size=0.01, epochs=1, sampling='random-order', trajectories=20, seed=0, design='independent') {call}" in page.text  # fmt: skip
    with pytest.raises(InputError, match="confidence"):
        report(found, tmp_path / "other.html", 2)
