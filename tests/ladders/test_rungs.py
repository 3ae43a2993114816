import numpy as np
import pytest

from mcsgd.checks import Checks
from mcsgd.ladders.rungs import check_study_section, make_rungs
from mcsgd.problems import ScalarFactorization
from mcsgd.settings import Settings

PROBLEM = ScalarFactorization(np.linspace(0.5, 2, 12), np.ones(12), batch_size=3)
SETTINGS = Settings(0.04, epochs=6, snapshots=[1], paths=2, trajectories=24)


def rungs_of(vary, values, fixed_time=False, settings=SETTINGS):
    checks = Checks()
    rungs = make_rungs(checks, PROBLEM, settings, vary, values, fixed_time)
    checks.done()
    return rungs


@pytest.mark.parametrize(
    ("vary", "values", "sizes"),
    [
        ("step_size", [0.1, 0.03], [0.1, 0.03]),
        ("epochs", [2, 3, 5], [2, 3, 5]),
        ("batch_size", np.array([6, 2]), [6, 2]),
        ("substeps", (1, 2, 4), [1, 2, 4]),
        ("momentum", [0.0, 0.5, 0.75], [1, 2, 4]),
    ],
)
def test_one_setting_varies_and_all_others_stay(vary, values, sizes):
    rungs = rungs_of(vary, values)
    assert [rung.size for rung in rungs] == sizes
    for rung, value in zip(rungs, values, strict=True):
        assert rung.value == value
        assert (rung.problem.batch_size if vary == "batch_size" else getattr(rung.settings, vary)) == value
        for name in {"step_size", "epochs", "seed", "trajectories", "substeps", "momentum"} - {vary}:
            assert getattr(rung.settings, name) == getattr(SETTINGS, name)
        assert (rung.settings.snapshots, rung.settings.paths) == ((), 0)
        assert rung.problem.batch_size == (value if vary == "batch_size" else 3)


@pytest.mark.parametrize(
    ("vary", "values", "steps", "epochs"),
    [
        ("step_size", [0.08, 0.04, 0.03], [0.08, 0.04, 0.03], [3, 6, 8]),
        ("epochs", [3, 6, 8], [0.08, 0.04, 0.03], [3, 6, 8]),
        ("batch_size", [1, 3, 5], [0.04 * 4 / 12, 0.04, 0.04 * 4 / 3], [6, 6, 6]),
    ],
)
def test_fixed_time(vary, values, steps, epochs):
    rungs = rungs_of(vary, values, fixed_time=True)
    assert [rung.settings.step_size for rung in rungs] == pytest.approx(steps)
    assert [rung.settings.epochs for rung in rungs] == epochs
    assert [r.settings.flow_time(r.problem) for r in rungs] == pytest.approx(
        [SETTINGS.flow_time(PROBLEM)] * 3
    )
    assert [rung.size for rung in rungs] == pytest.approx(values if vary == "batch_size" else steps)


@pytest.mark.parametrize(
    ("vary", "values", "fixed_time", "expected"),
    [
        ("step_sise", [1, 2], False, "vary: must be one of step_size, epochs, batch_size, substeps, momentum; got 'step_sise', did you mean step_size?"),
        ("step_size", [0.1, -1], False, "values[1]: must be > 0, got -1"),
        ("step_size", [0.1], False, "values: must be a list of two values or more, got [0.1]"),
        ("step_size", 0.1, False, "values: must be a list of two values or more, got 0.1"),
        ("step_size", "ab", False, "values: must be a list of two values or more, got 'ab'"),
        ("step_size", [0.1, 0.1], False, "values: must ascend or descend, got [0.1, 0.1]"),
        ("step_size", [0.1, 0.2, 0.15], False, "values: must ascend or descend"),
        ("step_size", [0.04, 0.05], True, "values[1]: must give whole epochs in the time of step_size 0.04 and epochs 6; 0.05 gives 4.8"),
        ("step_size", [0.04, 1.0], True, "values[1]: must give whole epochs"),
        ("epochs", [1, 2.5], False, "values[1]: must be an integer, got 2.5"),
        ("batch_size", [1, 13], False, "values[1]: must be <= 12, got 13"),
        ("momentum", [1.0, 0.5], False, "values[0]: must be < 1, got 1"),
        ("momentum", [0.1, 0.5], True, "fixed_time: belongs to vary step_size, epochs, batch_size; got momentum"),
        ("epochs", [1, 2], 1, "fixed_time: must be true or false, got 1"),
    ],
)  # fmt: skip
def test_wrong_ladders(vary, values, fixed_time, expected):
    with pytest.raises(ValueError, match=r"\w") as caught:
        rungs_of(vary, values, fixed_time)
    assert str(caught.value).startswith(expected)


def test_what_does_not_fit_a_rung_is_said_of_its_value():
    balanced = Settings(0.04, trajectories=24, design="balanced")
    with pytest.raises(ValueError, match=r"values\[0\]: trajectories must be a multiple of 120"):
        rungs_of("batch_size", [2, 3], settings=balanced)
    with pytest.raises(ValueError, match="fixed_time: needs schedule constant"):
        rungs_of("epochs", [2, 3], True, Settings(0.04, schedule="cosine"))
    with pytest.raises(ValueError, match=r"values\[1\]: do not go with momentum"):
        rungs_of("substeps", [1, 3], False, Settings(0.04, momentum=0.5))


def section(table, problem=PROBLEM, settings=SETTINGS):
    checks = Checks()
    found = check_study_section(checks, table, problem, settings)
    return found, [str(issue) for issue in checks.issues]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ({"values": [0.1, 0.2]}, [0.1, 0.2]),
        ({"rungs": 3}, [0.04, 0.02, 0.01]),
        ({"rungs": 2, "factor": 0.1}, [0.04, 0.004]),
        ({"vary": "epochs", "rungs": 3, "fixed_time": True}, [6, 12, 24]),
        ({"vary": "batch_size", "rungs": 3}, [3, 6, 12]),
        ({"vary": "epochs", "rungs": 3, "factor": 1.5}, [6, 9, 13.5]),
    ],
)
def test_section(table, values):
    found, issues = section(table)
    assert found["values"] == values
    assert issues == (["study.values[2]: must be an integer, got 13.5"] if 13.5 in values else [])
    assert found["vary"] == table.get("vary", "step_size")
    assert found["fixed_time"] == table.get("fixed_time", False)
    assert found["exact"] == "auto"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, ["study.values: is needed, or rungs"]),
        ({"value": [1, 2]}, ["study.value: unknown key, did you mean values?", "study.values: is needed, or rungs"]),
        ({"rungs": 3, "values": [1, 2]}, ["study.rungs: is for a ladder without values"]),
        ({"rungs": 1}, ["study.rungs: must be >= 2, got 1"]),
        ({"rungs": 3, "factor": 0}, ["study.factor: must be > 0, got 0"]),
        ({"rungs": 3, "factor": 1}, ["study.values: must ascend or descend, got [0.04, 0.04, 0.04]"]),
        ({"values": [1, 0], "exact": 1}, ["study.exact: must be auto, true or false, got 1", "study.values[1]: must be > 0, got 0"]),
        ({"vary": "epohcs", "rungs": 3}, ["study.vary: must be one of step_size, epochs, batch_size, substeps, momentum; got 'epohcs', did you mean epochs?"]),
    ],
)  # fmt: skip
def test_wrong_sections(table, expected):
    assert section(table)[1] == expected


def test_section_without_a_problem_is_checked_as_far_as_it_can_be():
    assert section({"values": [1, -2]}, None)[1] == []
    assert "study.vary" in section({"vary": "none", "values": [1, 2]}, None, None)[1][0]
