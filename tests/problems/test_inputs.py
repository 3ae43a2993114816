"""What the built-in problems refuse, and how they say so."""

import copy

import numpy as np
import pytest

from mcsgd.errors import InputError
from mcsgd.problems import (
    LinearRegression,
    LogisticRegression,
    Quadratic,
    ScalarFactorization,
    SoftmaxRegression,
    TanhNetwork,
)

X = np.random.default_rng(0).normal(size=(6, 2))
LABELS = np.array([0, 1, 0, 1, 1, 0])
GOOD = {
    "scalar-factorization": (ScalarFactorization, {"x": X[:, 0], "y": X[:, 1]}),
    "quadratic": (Quadratic, {"centers": X, "hessians": np.eye(2) * np.ones((6, 1, 1))}),
    "linear": (LinearRegression, {"X": X, "y": X[:, 0], "l2": 0.1}),
    "logistic": (LogisticRegression, {"X": X, "y": LABELS, "l2": 0.1}),
    "softmax": (SoftmaxRegression, {"X": X, "y": LABELS, "l2": 0.1}),
    "tanh-network": (TanhNetwork, {"X": X, "y": X, "hidden": 3, "l2": 0.1}),
    "tanh-network-softmax": (
        TanhNetwork,
        {"X": X, "y": LABELS, "hidden": 3, "l2": 0.1, "output": "softmax"},
    ),
}
PENALISED = [kind for kind, (_, arguments) in GOOD.items() if "l2" in arguments]
CLASSIFIERS = ["softmax", "tanh-network-softmax"]


def build(kind, **changes):
    make, arguments = GOOD[kind]
    return make(**{"batch_size": 2, **copy.deepcopy(arguments), **changes})


def issues(kind, **changes):
    """What is said of each argument when a good problem is changed so."""
    with pytest.raises(InputError) as caught:
        build(kind, **changes)
    return dict(caught.value.issues)


def spoilt(array, value):
    """The array with `value` at row 3, in the last column, and where that is."""
    array = np.array(array, float)
    where = (3, *(n - 1 for n in array.shape[1:]))
    array[where] = value
    return array, f"at [{', '.join(map(str, where))}]"


def array_arguments():
    return [
        (kind, name)
        for kind, (_, arguments) in GOOD.items()
        for name, value in arguments.items()
        if isinstance(value, np.ndarray)
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("kind", "name"), array_arguments())
def test_not_finite(kind, name, bad):
    array, where = spoilt(GOOD[kind][1][name], bad)
    message = issues(kind, **{name: array})[name]
    assert f"must be finite, got {bad}" in message
    assert where in message


@pytest.mark.parametrize("dtype", [str, complex, object, bool])
@pytest.mark.parametrize(("kind", "name"), array_arguments())
def test_wrong_dtype(kind, name, dtype):
    array = GOOD[kind][1][name].astype(dtype)
    assert f"of real numbers, got dtype {array.dtype}" in issues(kind, **{name: array})[name]


@pytest.mark.parametrize(("kind", "name"), array_arguments())
def test_wrong_shape(kind, name):
    array = GOOD[kind][1][name]
    assert "got shape (6, 2, 1" in issues(kind, **{name: np.ones((6, 2, 1, 1))})[name]
    assert "got shape ()" in issues(kind, **{name: 1.0})[name]
    assert "unequal length" in issues(kind, **{name: [[1.0], [1.0, 2.0]]})[name]
    empty = issues(kind, **{name: array[:0]})[name]
    assert "(0" in empty


@pytest.mark.parametrize("kind", GOOD)
def test_lengths_that_differ(kind):
    second = "hessians" if kind == "quadratic" else "y"
    array = GOOD[kind][1][second]
    found = issues(kind, **{second: array[:5]})
    assert list(found) == [second]
    assert "(5" in found[second]


@pytest.mark.parametrize("how", ["nan", "text", "scalar", "empty"])
@pytest.mark.parametrize(("kind", "name"), array_arguments())
def test_only_the_wrong_array_is_blamed(kind, name, how):
    array = GOOD[kind][1][name]
    wrong = {"nan": spoilt(array, np.nan)[0], "text": array.astype(str), "scalar": 1.0, "empty": array[:0]}
    assert list(issues(kind, **{name: wrong[how]})) == [name]


@pytest.mark.parametrize("label", [2, -1, 0.5])
def test_labels_of_logistic_regression(label):
    found = issues("logistic", y=[0, 1, label, 1, 0, 1])
    assert found == {"y": f"must hold the labels 0 and 1, got {label:g}"}


@pytest.mark.parametrize(
    ("labels", "got"),
    [
        ([0, 0, 2, 2, 0, 0], "0, 2"),
        ([1, 2, 1, 2, 1, 2], "1, 2"),
        ([0] * 6, "0"),
        ([0, 1, 0.5, 1, 0, 1], "0, 0.5, 1"),
        ([-1, 0, 1, 0, 1, 0], "-1, 0, 1"),
    ],
)
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_labels_of_classes(kind, labels, got):
    found = issues(kind, y=labels)
    assert found == {"y": f"must hold the labels 0, 1, ... of at least two classes, got {got}"}


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "must be >= 1, got 0"),
        (-2, "must be >= 1, got -2"),
        (1.5, "must be an integer, got 1.5"),
        (2.0, "must be an integer, got 2.0"),
        (True, "must be an integer, got True"),
        ("2", "must be an integer, got '2'"),
        (7, "6; got 7"),
    ],
)
@pytest.mark.parametrize("kind", GOOD)
def test_batch_size(kind, size, expected):
    found = issues(kind, batch_size=size)
    assert list(found) == ["batch_size"]
    assert expected in found["batch_size"]
    with pytest.raises(InputError, match=r"^batch_size: must be "):
        build(kind).with_batch_size(size)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("l2", -0.1, "must be >= 0, got -0.1"),
        ("l2", np.nan, "must be a finite number, got nan"),
        ("l2", "0", "must be a number, got '0'"),
    ],
)
@pytest.mark.parametrize("kind", PENALISED)
def test_penalty(kind, name, value, expected):
    assert issues(kind, **{name: value}) == {name: expected}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hidden", 0, "must be >= 1, got 0"),
        ("hidden", 1.5, "must be an integer, got 1.5"),
        ("output", "softmx", "must be one of squared, softmax; got 'softmx', did you mean softmax?"),
    ],
)
def test_network(name, value, expected):
    assert issues("tanh-network", **{name: value}) == {name: expected}


def test_asymmetric_hessian_is_named():
    hessians = np.stack([np.eye(2)] * 6)
    hessians[4, 0, 1] = 1e-6
    assert issues("quadratic", hessians=hessians) == {"hessians": "must be symmetric, got [4] off by 1e-06"}
    hessians[2] *= 1e12
    hessians[2, 0, 1] = 1e-3  # symmetric up to rounding
    assert issues("quadratic", hessians=hessians) == {"hessians": "must be symmetric, got [4] off by 1e-06"}


@pytest.mark.parametrize("size", [0, 7])
@pytest.mark.parametrize("kind", PENALISED)
def test_all_wrong_arguments_are_listed(kind, size):
    wrong = {"y": np.full(6, 5.0 if kind not in ("linear", "tanh-network") else np.nan), "l2": -1}
    wrong |= {"hidden": 0} if "hidden" in GOOD[kind][1] else {}
    assert set(issues(kind, batch_size=size, **wrong)) == {"batch_size", *wrong}


@pytest.mark.parametrize("kind", GOOD)
def test_arrays_are_read_only_copies(kind):
    make, arguments = GOOD[kind]
    mine = copy.deepcopy(arguments)
    problem = make(batch_size=2, **mine)
    before, digest = copy.deepcopy(problem.data), problem.digest()
    for value in mine.values():
        if isinstance(value, np.ndarray):
            value += 1
    assert problem.digest() == digest
    for held, kept in zip(problem.data, before, strict=True):
        np.testing.assert_array_equal(held, kept)
        assert not (isinstance(held, np.ndarray) and held.flags.writeable)


@pytest.mark.parametrize("kind", GOOD)
def test_digest_changes_with_any_argument(kind):
    _, arguments = GOOD[kind]
    digests = {build(kind).digest(), build(kind, batch_size=3).digest()}
    changed = [name for name in arguments if name != "output"]
    for name in changed:
        value = arguments[name]
        other = value[::-1] + (name == "hessians") if isinstance(value, np.ndarray) else value * 2
        digests.add(build(kind, **{name: other}).digest())
    assert len(digests) == 2 + len(changed)
    assert build(kind).digest() in digests
