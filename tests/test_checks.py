import numpy as np
import pytest

from mcsgd.checks import Checks, did_you_mean
from mcsgd.errors import InputError
from mcsgd.settings import Settings
from mcsgd.simulation import simulate


def issues(check, value, *arguments, **bounds):
    """What one of the checks says about a value."""
    checks = Checks()
    getattr(checks, check)("x", value, *arguments, **bounds)
    return [str(issue) for issue in checks.issues]


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1)])
def test_number_is_given_back_as_float(value):
    checks = Checks()
    number = checks.number("x", value, above=0, at_most=1)
    checks.done()
    assert type(number) is float
    assert number == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "x: must be > 0, got 0"),
        (2.5, "x: must be <= 2, got 2.5"),
        (np.nan, "x: must be a finite number, got nan"),
        (-np.inf, "x: must be a finite number, got -inf"),
        ("1", "x: must be a number, got '1'"),
        (True, "x: must be a number, got True"),
        (np.True_, "x: must be a number, got np.True_"),
        (None, "x: must be a number, got None"),
        ([1.0], "x: must be a number, got [1.0]"),
        (1j, "x: must be a number, got 1j"),
        (1 + 0j, "x: must be a number, got (1+0j)"),
    ],
)
def test_wrong_number(value, expected):
    assert issues("number", value, above=0, at_most=2) == [expected]


def test_number_too_large_for_a_double():
    assert len(issues("number", 10**400)) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "x: must be >= 1, got 0"),
        (9, "x: must be <= 8, got 9"),
        (2.0, "x: must be an integer, got 2.0"),
        ("2", "x: must be an integer, got '2'"),
        (True, "x: must be an integer, got True"),
        (np.True_, "x: must be an integer, got np.True_"),
        (None, "x: must be an integer, got None"),
    ],
)
def test_wrong_integer(value, expected):
    assert issues("integer", value, at_least=1, at_most=8) == [expected]


def test_choice_suggests_the_nearest():
    assert issues("choice", "ab", ("ab", "cd")) == []
    assert issues("choice", "gradiant", ("gradient", "sgd")) == [
        "x: must be one of gradient, sgd; got 'gradiant', did you mean gradient?"
    ]
    assert issues("choice", 3, ("ab", "cd")) == ["x: must be one of ab, cd; got 3"]


@pytest.mark.parametrize(("name", "hint"), [("epoch", ", did you mean epochs?"), ("zzz", "")])
def test_did_you_mean(name, hint):
    assert did_you_mean(name, ["epochs", "seed"]) == hint


@pytest.mark.parametrize(
    ("value", "shape", "expected"),
    [
        ([[1, 2], [3]], (None, 2), "got rows of unequal length"),
        (["a"], (None,), "of real numbers, got dtype <U1"),
        ([1j], (None,), "of real numbers, got dtype complex128"),
        ([None], (None,), "of real numbers, got dtype object"),
        ([True], (None,), "of real numbers, got dtype bool"),
        ([1.0, 2.0], (3,), "of shape (3), got shape (2,)"),
        ([1.0, 2.0], (None, 2), "of shape (any, 2), got shape (2,)"),
        ([], (None,), "must not be empty, got shape (0,)"),
        ([[0.0, 0.0], [0.0, np.inf]], (None, None), "must be finite, got inf at [1, 1] (1 such values)"),
        ([0.0, np.nan, np.nan], (None,), "must be finite, got nan at [1] (2 such values)"),
    ],
)
def test_wrong_array(value, shape, expected):
    (issue,) = issues("array", value, shape, "numbers")
    assert issue.startswith("x: ")
    assert expected in issue


def test_array_is_a_read_only_copy():
    given = np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3))
    array = Checks().array("x", given, (2, None), "numbers")
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    assert not array.flags.writeable
    given[:] = -1
    np.testing.assert_array_equal(array, np.arange(6.0).reshape(2, 3))


def test_all_issues_come_at_once():
    checks = Checks()
    checks.number("a", "one")
    checks.integer("b", 0, at_least=1)
    with pytest.raises(InputError, match=r"^a: .*\nb: ") as caught:
        checks.done()
    assert [issue.argument for issue in caught.value.issues] == ["a", "b"]
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"start": [1.0]}, r"start: .* of shape \(2\), got shape \(1,\)"),
        ({"start": [[1.0, 2.0]]}, r"start: .* got shape \(1, 2\)"),
        ({"start": [1.0, np.nan]}, r"start: must be finite, got nan at \[1\]"),
        ({"workers": 0}, "workers: must be >= 1, got 0"),
        ({"workers": 1.5}, r"workers: must be an integer, got 1\.5"),
        ({"block_size": 0}, "block_size: must be >= 1, got 0"),
        ({"settings": Settings(0.1, trajectories=10**15)}, "trajectories: .* GiB"),
        ({"start": [1.0], "workers": 0, "block_size": -1}, r"start: .*\nblock_size: .*\nworkers: "),
    ],
)
def test_simulate_checks_its_own_arguments(toy, wrong, expected):
    with pytest.raises(InputError, match="^" + expected):
        simulate(**{"problem": toy, "start": [1.0, 2.0], "settings": Settings(0.1), **wrong})
