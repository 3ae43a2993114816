import numpy as np
import pytest

from mcsgd.checks import Checks
from mcsgd.problems import ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.start import make_start
from mcsgd.studies.section import check_study_section

PROBLEM = ScalarFactorization(np.linspace(0.5, 2, 12), np.ones(12), batch_size=3)
SETTINGS = Settings(0.04, epochs=6, snapshots=[1], paths=2, trajectories=24)
NORMAL = {"kind": "normal", "scale": 0.1}


def section(table, problem=PROBLEM, settings=SETTINGS, start=NORMAL, fields=None):
    checks = Checks()
    vector = make_start(start, 2)[0]
    grid = check_study_section(checks, table, problem, settings, (vector, start), fields)
    return grid, [str(issue) for issue in checks.issues]


@pytest.mark.parametrize(
    ("vary", "values"),
    [
        ({"step_size": [0.1, 0.2]}, [0.1, 0.2]),
        ({"step_size": {"rungs": 3}}, [0.04, 0.02, 0.01]),
        ({"step_size": {"rungs": 2, "factor": 0.1}}, [0.04, 0.004]),
        ({"epochs": {"rungs": 3}}, [6, 12, 24]),
        ({"batch_size": {"rungs": 3}}, [3, 6, 12]),
        ({"epochs": {"rungs": 3, "factor": 1.5}}, [6, 9, 13.5]),
    ],
)
def test_lists_and_ladders(vary, values):
    grid, issues = section({"vary": vary})
    if 13.5 in values:
        assert issues == ["study.vary.epochs[2]: must be an integer, got 13.5"]
        return
    (name,) = vary
    assert grid.as_table() == {"vary": {name: values}, "fixed_time": False, "exact": "auto"}


def test_all_that_a_section_can_say():
    vary = {"step_size": {"rungs": 2}, "sampling": ["random-order", "with-replacement"], "start_seed": [3, 1]}
    grid, issues = section({"vary": vary, "fixed_time": True, "exact": False}, fields=("gd",))
    assert not issues
    assert grid.shape == (2, 2, 2)
    assert (grid.fixed_time, grid.exact, grid.fields) == (True, False, ("gd",))
    for point in grid.points:
        expected, _ = make_start({**NORMAL, "seed": point.at["start_seed"]}, 2)
        assert point.start.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, ["study.vary: is needed: a list of values for each setting, as vary.step_size = [0.02, 0.01]"]),
        ({"values": [1, 2]}, ["study.values: unknown key", "study.vary: is needed: a list"]),
        ({"vary": "step_size"}, ["study.vary: must be a table, as vary.step_size = [0.02, 0.01]; got 'step_size'"]),
        ({"vary": {"step_size": {"rungs": 1}}}, ["study.vary.step_size.rungs: must be >= 2, got 1"]),
        ({"vary": {"step_size": {"factor": 2}}}, ["study.vary.step_size.rungs: must be an integer, got None"]),
        ({"vary": {"step_size": {"rungs": 3, "factor": 0}}}, ["study.vary.step_size.factor: must be > 0, got 0"]),
        ({"vary": {"step_size": {"rungs": 3, "facto": 0}}}, ["study.vary.step_size.facto: unknown key, did you mean factor?"]),
        ({"vary": {"step_size": {"rungs": 3, "factor": 1}}}, ["study.vary.step_size: must hold each value once"]),
        ({"vary": {"sampling": {"rungs": 3}}}, ["study.vary.sampling: must be a list of values, got {'rungs': 3}"]),
        ({"vary": {"step_size": [1, 0]}, "exact": 1}, ["study.exact: must be auto, true or false, got 1"]),
        ({"vary": {"step_size": [1, 0]}}, ["study.vary.step_size[1]: must be > 0, got 0"]),
        ({"vary": {"epohcs": {"rungs": 3}}}, ["study.vary: must be one of step_size, epochs, batch_size, substeps, momentum, sampling, start_seed; got 'epohcs', did you mean epochs?"]),
        ({"vary": {"start_seed": [1, -1]}}, ["study.vary.start_seed[1]: must be >= 0, got -1"]),
        ({"vary": {"start_index": [0, 1]}}, ["study.vary.start_index: is for Python; here start_seed varies the start"]),
    ],
)  # fmt: skip
def test_wrong_sections(table, expected):
    grid, issues = section(table)
    assert grid is None
    assert len(issues) == len(expected)
    for issue, wanted in zip(issues, expected, strict=True):
        assert issue.startswith(wanted)


def test_seeds_are_for_a_normal_start():
    _, issues = section({"vary": {"start_seed": [1, 2]}}, start={"kind": "zeros"})
    assert issues == ["study.vary.start_seed: needs start.kind normal, got zeros"]


def test_fields_of_the_experiment():
    _, issues = section({"vary": {"momentum": [0.0, 0.5]}}, fields=("sgd", "second-order"))
    (issue,) = issues
    assert issue.startswith("flow.fields[1]: must be one of gradient, gd, sgd with momentum 0.5")


def test_section_without_a_problem_is_checked_as_far_as_it_can_be():
    assert section({"vary": {"step_size": [1, -2]}}, None)[1] == []
    assert section({"vary": {"none": [1, 2]}}, None, None)[1][0].startswith("study.vary: must be one of")
