import itertools
import json

import numpy as np
import pytest

from mcsgd.checks import Checks
from mcsgd.errors import InputError
from mcsgd.problems import ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.studies.axes import size_of
from mcsgd.studies.grid import make_grid

PROBLEM = ScalarFactorization(np.linspace(0.5, 2, 12), np.ones(12), batch_size=3)
START = np.array([1.2, 0.7])
SETTINGS = Settings(0.04, epochs=6, snapshots=[1], paths=2, trajectories=24)


def grid_of(vary, fixed_time=False, settings=SETTINGS, fields=None, starts=None, exact="auto"):
    checks = Checks()
    grid = make_grid(checks, PROBLEM, settings, starts or {None: START}, vary, fields, fixed_time, exact)
    checks.done()
    return grid


def sizes_of(grid):
    """What orders along the only axis are measured in."""
    (axis,) = grid.axes
    return [size_of(axis.name, point.settings, point.at, grid.fixed_time) for point in grid.points]


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
    grid = grid_of({vary: values})
    assert sizes_of(grid) == sizes
    for point, value in zip(grid.points, values, strict=True):
        assert point.at == {vary: value}
        assert (point.problem.batch_size if vary == "batch_size" else getattr(point.settings, vary)) == value
        for name in {"step_size", "epochs", "seed", "trajectories", "substeps", "momentum"} - {vary}:
            assert getattr(point.settings, name) == getattr(SETTINGS, name)
        assert (point.settings.snapshots, point.settings.paths) == ((), 0)
        assert point.problem.batch_size == (value if vary == "batch_size" else 3)


@pytest.mark.parametrize(
    ("vary", "values", "steps", "epochs"),
    [
        ("step_size", [0.08, 0.04, 0.03], [0.08, 0.04, 0.03], [3, 6, 8]),
        ("epochs", [3, 6, 8], [0.08, 0.04, 0.03], [3, 6, 8]),
        ("batch_size", [1, 3, 5], [0.04 * 4 / 12, 0.04, 0.04 * 4 / 3], [6, 6, 6]),
    ],
)
def test_fixed_time(vary, values, steps, epochs):
    grid = grid_of({vary: values}, fixed_time=True)
    assert [point.settings.step_size for point in grid.points] == pytest.approx(steps)
    assert [point.settings.epochs for point in grid.points] == epochs
    assert [p.settings.flow_time(p.problem) for p in grid.points] == pytest.approx(
        [SETTINGS.flow_time(PROBLEM)] * 3
    )
    assert sizes_of(grid) == pytest.approx(values if vary == "batch_size" else steps)


@pytest.mark.parametrize(
    ("vary", "fixed_time", "expected"),
    [
        ({"step_sise": [1, 2]}, False, "vary: must be one of step_size, epochs, batch_size, substeps, momentum, sampling, start_seed; got 'step_sise', did you mean step_size?"),
        ({"step_size": [0.1, -1]}, False, "vary.step_size[1]: must be > 0, got -1"),
        ({"step_size": [0.1]}, False, "vary.step_size: must be a list of two values or more, got [0.1]"),
        ({"step_size": 0.1}, False, "vary.step_size: must be a list of two values or more, got 0.1"),
        ({"step_size": "ab"}, False, "vary.step_size: must be a list of two values or more, got 'ab'"),
        ({"step_size": [0.1, 0.1]}, False, "vary.step_size: must hold each value once, got [0.1, 0.1]"),
        ({"step_size": [0.1, 0.2, 0.15]}, False, "vary.step_size: must ascend or descend"),
        ({"step_size": [0.04, 0.05]}, True, "vary.step_size[1]: must give whole epochs in the time of step_size 0.04 and epochs 6; 0.05 gives 4.8"),
        ({"step_size": [0.04, 1.0]}, True, "vary.step_size[1]: must give whole epochs"),
        ({"epochs": [1, 2.5]}, False, "vary.epochs[1]: must be an integer, got 2.5"),
        ({"batch_size": [1, 13]}, False, "vary.batch_size[1]: must be <= 12, got 13"),
        ({"momentum": [1.0, 0.5]}, False, "vary.momentum[0]: must be < 1, got 1"),
        ({"momentum": [0.1, 0.5]}, True, "fixed_time: needs one of step_size, epochs, batch_size, sampling to vary; got momentum"),
        ({"epochs": [1, 2], "step_size": [0.1, 0.2]}, True, "fixed_time: leaves only one of step_size and epochs to vary, got both"),
        ({"epochs": [1, 2]}, 1, "fixed_time: must be true or false, got 1"),
        ({"sampling": ["random-order", "random-order"]}, False, "vary.sampling: must hold each value once"),
        ({"sampling": ["random-order", "given-order"]}, False, "vary.sampling[1]: order is needed with sampling given-order"),
        ({"epochs": list(range(1, 202)), "substeps": list(range(1, 52))}, False, "vary: must give at most 10000 points, got 10251"),
        ({"substeps": [1, 2], "momentum": [0.0, 0.5]}, False, "vary.substeps[1]: do not go with momentum, got 2 and momentum 0.5"),
        ({"batch_size": [2, 13], "step_size": [0.1, -1, -2]}, False, "vary.step_size[1]: must be > 0, got -1\nvary.step_size[2]: must be > 0, got -2\nvary.batch_size[1]: must be <= 12"),
        ({}, False, "vary: must have a list of values for each setting that varies, got {}"),
        ([0.1, 0.2], False, "vary: must have a list of values for each setting that varies, got [0.1, 0.2]"),
    ],
)  # fmt: skip
def test_wrong_grids(vary, fixed_time, expected):
    with pytest.raises(InputError) as caught:
        grid_of(vary, fixed_time)
    assert str(caught.value).startswith(expected)


def test_what_does_not_fit_a_point_is_said_of_its_value():
    balanced = Settings(0.04, trajectories=24, design="balanced")
    with pytest.raises(InputError, match=r"vary.batch_size\[0\]: trajectories must be a multiple of 120"):
        grid_of({"batch_size": [2, 3]}, settings=balanced)
    with pytest.raises(InputError, match=r"vary: at batch_size 2, epochs 1: trajectories must be a multiple"):
        grid_of({"batch_size": [2, 3], "epochs": [1, 2]}, settings=balanced)
    with pytest.raises(InputError, match="fixed_time: needs schedule constant"):
        grid_of({"epochs": [2, 3]}, True, Settings(0.04, schedule="cosine"))
    with pytest.raises(InputError, match="exact: must be auto, true or false, got 'no'"):
        grid_of({"epochs": [2, 3]}, exact="no")
    with pytest.raises(InputError, match="vary: has 1 more such points"):
        grid_of({"step_size": [-1, -2, -3, -4, -5, -6]})


def test_every_combination_is_a_point():
    """The last axis varies fastest; what does not vary stays."""
    grid = grid_of({"sampling": ["random-order", "with-replacement"], "step_size": [0.1, 0.2, 0.3]})
    assert grid.shape == (2, 3)
    found = [(point.settings.sampling, point.settings.step_size) for point in grid.points]
    assert found == list(itertools.product(["random-order", "with-replacement"], [0.1, 0.2, 0.3]))
    assert found == [tuple(point.at.values()) for point in grid.points]
    assert {point.settings.epochs for point in grid.points} == {6}
    assert {point.problem.batch_size for point in grid.points} == {3}


@pytest.mark.parametrize(
    "vary",
    [
        {"batch_size": [1, 3, 6], "step_size": [0.02, 0.04]},
        {"step_size": [0.02, 0.04], "batch_size": [1, 3, 6]},
        {"batch_size": [1, 3], "epochs": [2, 4], "momentum": [0.0, 0.9]},
        {"sampling": ["random-order", "full-batch"], "step_size": [0.02, 0.04]},
        {"sampling": ["random-order", "full-batch"]},
    ],
)
def test_fixed_time_of_several_axes(vary):
    """The values stay as they are given, and what does not vary makes up for them."""
    grid = grid_of(vary, fixed_time=True)
    for point in grid.points:
        assert point.settings.flow_time(point.problem) == pytest.approx(SETTINGS.flow_time(PROBLEM))
        for name in vary.keys() - {"batch_size"}:
            assert getattr(point.settings, name) == point.at[name]


def test_the_step_size_of_unchanged_time_is_unchanged_to_the_bit():
    grid = grid_of({"epochs": [6, 7]}, fixed_time=True, settings=Settings(0.1 + 0.2, epochs=6))
    assert grid.points[0].settings.step_size == 0.1 + 0.2


def test_values_are_plain_numbers():
    """Also where they came as an array: the study's file has them as JSON."""
    grid = grid_of(
        {"epochs": np.array([1, 2]), "step_size": np.array([0.1, 0.2]), "batch_size": np.array([2, 3])}
    )
    assert [type(axis.values[0]) for axis in grid.axes] == [int, float, int]
    assert json.loads(json.dumps(grid.as_table())) == grid.as_table()


def test_starts():
    starts = {4: np.zeros(2), 2: np.ones(2)}
    grid = grid_of({"epochs": [1, 2], "start_seed": [4, 2]}, starts=starts)
    assert [point.start.tolist() for point in grid.points] == [[0, 0], [1, 1]] * 2
    assert [point.at["start_seed"] for point in grid.points] == [4, 2] * 2


def test_fields():
    """By default those of each point; those that are given must have a form at all points."""
    vary = {"sampling": ["with-replacement", "random-order"], "momentum": [0.0, 0.5]}
    grid = grid_of(vary)
    plain, momentum = ("gradient", "gd", "second-order"), ("gradient", "gd")
    wanted = [plain, momentum, ("gradient", "gd", "sgd", "second-order"), ("gradient", "gd", "sgd")]
    assert [point.fields for point in grid.points] == wanted
    assert grid.fields == ("gradient", "gd", "sgd", "second-order")
    given = grid_of(vary, fields=("sgd", "gradient"))
    assert {point.fields for point in given.points} == {("sgd", "gradient")}
    assert given.fields == ("gradient", "sgd")
    with pytest.raises(
        InputError,
        match=r"fields\[1\]: must be one of gradient, gd, sgd with substeps 2, got second-order, at substeps 2",
    ):
        grid_of({"substeps": [1, 2, 4]}, fields=("sgd", "second-order"))
