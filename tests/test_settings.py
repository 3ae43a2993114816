import json
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from mcsgd.errors import InputError
from mcsgd.problems import ScalarFactorization
from mcsgd.schemes import DESIGNS, SAMPLINGS
from mcsgd.settings import SECTIONS, Settings
from mcsgd.simulation import simulate

ORDER = {"sampling": "given-order", "order": (1, 0, 3, 2)}
PAIRS = {"design": "reversed-pairs"}
SETS = {"design": "balanced"}
CORRECTED = {"design": "control-variate"}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("step_size", np.nan, "must be a finite number, got nan"),
        ("step_size", np.inf, "must be a finite number, got inf"),
        ("step_size", 0, "must be > 0, got 0"),
        ("step_size", -0.1, "must be > 0, got -0.1"),
        ("step_size", 1e7, "must be <= 1e+06, got 1e+07"),
        ("step_size", "0.1", "must be a number, got '0.1'"),
        ("step_size", True, "must be a number, got True"),
        ("epochs", 0, "must be >= 1, got 0"),
        ("epochs", 1.5, "must be an integer, got 1.5"),
        ("epochs", 2**32, "must be <= 4294967295"),
        ("trajectories", 0, "must be >= 1, got 0"),
        ("trajectories", 1e3, "must be an integer, got 1000.0"),
        ("seed", -1, "must be >= 0, got -1"),
        ("seed", 2**63, "must be <= 9223372036854775807"),
        ("sampling", "random-ordr", "got 'random-ordr', did you mean random-order?"),
        ("sampling", None, "must be one of random-order, "),
        ("design", "reversed", "got 'reversed', did you mean reversed-pairs?"),
        ("order", "0123", "must be a list of integers, got '0123'"),
        ("order", 3, "must be a list of integers, got 3"),
        ("order", np.array(3), "must be a list of integers, got array(3)"),
        ("order[1]", (0, 1.0), "must be an integer, got 1.0"),
        ("order[0]", (-1, 0), "must be >= 0, got -1"),
        ("snapshots", 1, "must be a list of integers, got 1"),
        ("snapshots[0]", (0, 1), "must be >= 1, got 0"),
        ("snapshots", (2, 1), "must be ascending epochs in 1..3, got [2, 1]"),
        ("snapshots", (1, 1), "must be ascending epochs in 1..3, got [1, 1]"),
        ("snapshots", (1, 4), "must be ascending epochs in 1..3, got [1, 4]"),
        ("paths", -1, "must be >= 0, got -1"),
        ("schedule", "cosin", "got 'cosin', did you mean cosine?"),
        ("schedule[1]", (1.0, 0.0, 1.0), "must be > 0, got 0"),
        ("schedule", (1.0, 0.5), "must hold a factor for each of the 3 epochs, got 2"),
        ("substeps", 0, "must be >= 1, got 0"),
        ("momentum", 1.0, "must be < 1, got 1"),
        ("momentum", -0.1, "must be >= 0, got -0.1"),
        ("optimizer", "adm", "got 'adm', did you mean adam?"),
        ("optimizer", "adam", "is for sampling full-batch, got random-order"),
        ("beta1", 1.0, "must be < 1, got 1"),
        ("epsilon", 0.0, "must be > 0, got 0"),
        ("paths", 1001, "must be <= trajectories, 1000; got 1001"),
    ],
)
def test_wrong_value(field, value, expected):
    with pytest.raises(InputError) as caught:
        Settings(**{"step_size": 0.1, "epochs": 3, field.partition("[")[0]: value})
    (issue,) = caught.value.issues
    assert issue.argument == field
    assert expected in issue.message


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"trajectories": 5, **PAIRS}, "trajectories: must be even with design reversed-pairs, got 5"),
        ({**ORDER, **PAIRS}, "design: reversed-pairs needs a random order, and sampling given-order"),
        ({"sampling": "full-batch", **PAIRS}, "design: reversed-pairs needs a random order"),
        ({"sampling": "full-batch", **SETS}, "design: balanced needs fixed batches in a random order"),
        (
            {"sampling": "reshuffle-examples", **SETS},
            "design: balanced needs fixed .* got reshuffle-examples",
        ),
        (
            {"sampling": "with-replacement", **SETS},
            "design: balanced needs .*random-order or shuffle-once; got",
        ),
        ({**ORDER, **SETS}, "design: balanced needs fixed batches in a random order"),
        (
            {"sampling": "with-replacement", **CORRECTED},
            "design: control-variate needs sampling random-order, ",
        ),
        ({"momentum": 0.5, **CORRECTED}, "design: control-variate is for plain SGD: without momentum"),
        ({"substeps": 2, **CORRECTED}, "design: control-variate is for plain SGD"),
        ({"schedule": (0.5,), **CORRECTED}, "design: control-variate is for plain SGD"),
        ({"order": (1, 0)}, "order: belongs to sampling given-order, got sampling random-order"),
        ({"sampling": "given-order"}, "order: is needed with sampling given-order"),
        ({"momentum": 0.5, "substeps": 2}, "substeps: do not go with momentum, got 2 and momentum 0.5"),
        (
            {"optimizer": "adam", "sampling": "full-batch", "momentum": 0.5},
            "optimizer: adam goes without momentum",
        ),
    ],
)
def test_values_that_do_not_go_together(settings, expected):
    with pytest.raises(InputError, match=f"^{expected}"):
        Settings(0.1, **settings)


def test_all_wrong_values_are_listed():
    wrong = {field.name: "?" for field in fields(Settings)}
    with pytest.raises(InputError) as caught:
        Settings(**wrong)
    assert [issue.argument for issue in caught.value.issues] == list(wrong)


def test_settings_are_frozen_and_plain():
    order = np.array([1, 0])
    settings = Settings(np.float32(0.5), np.int64(2), seed=np.uint8(7), sampling="given-order", order=order)
    order[:] = 0
    assert settings == Settings(0.5, 2, seed=7, sampling="given-order", order=[1, 0])
    assert hash(settings) == hash(Settings(0.5, 2, seed=7, sampling="given-order", order=[1, 0]))
    with pytest.raises(FrozenInstanceError):
        settings.epochs = 3


@pytest.mark.parametrize(
    "settings",
    [
        Settings(0.1),
        Settings(1e-300, 5, 6, 2**63 - 1, "shuffle-once", "reversed-pairs", snapshots=(1, 5), paths=3),
        Settings(np.float32(0.1), **ORDER),
    ],
)
def test_tables_round_trip_through_json(settings):
    assert Settings.from_tables(json.loads(json.dumps(settings.as_tables()))) == settings


def test_sections_hold_every_setting_once():
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(
        field.name for field in fields(Settings)
    )


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 1, 2, 2), (0, 1, 2, 4), (0, 1, 2, 3, 0)])
def test_order_that_is_no_permutation_is_found_before_the_simulation(toy, order):
    def never(done, total):
        raise AssertionError

    settings = Settings(0.1, trajectories=1, sampling="given-order", order=order)
    with pytest.raises(InputError, match=r"^order: must hold each of the 4 batches 0\.\.3 once"):
        settings.check_with(toy)
    with pytest.raises(InputError, match=r"^order: "):
        simulate(toy, [1.0, 2.0], settings, progress=never)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_flow_time(toy, sampling):
    settings = Settings(0.1, 3, sampling=sampling, order=ORDER["order"] if sampling == "given-order" else ())
    settings.check_with(toy)
    assert settings.flow_time(toy) == pytest.approx(0.3 if sampling == "full-batch" else 1.2)
    assert settings.partition(toy).batches == (1 if sampling == "full-batch" else 4)


def test_units():
    assert [Settings(0.1, design=design).trajectories_per_unit(8) for design in DESIGNS] == [1, 2, 336, 1]
    assert [design.unit for design in DESIGNS.values()] == ["trajectory", "pair", "set", "trajectory"]


@pytest.mark.parametrize("sampling", ["random-order", "shuffle-once"])
@pytest.mark.parametrize(("trajectories", "near"), [(1, 24), (23, 24), (25, 24), (1000, 1008)])
def test_trajectories_that_are_no_whole_sets(toy, sampling, trajectories, near):
    settings = Settings(0.1, trajectories=trajectories, sampling=sampling, design="balanced")
    expected = (
        f"^trajectories: must be a multiple of 24, the balanced set of 4 batches, such as {near}; "
        f"got {trajectories}"
    )
    for call in (lambda: settings.check_with(toy), lambda: simulate(toy, [1.0, 2.0], settings)):
        with pytest.raises(InputError, match=expected):
            call()
    replace(settings, trajectories=near).check_with(toy)


def test_too_many_batches_for_a_set():
    problem = ScalarFactorization(np.ones(103), np.ones(103))
    with pytest.raises(
        InputError, match=r"^design: balanced is for at most 102 batches, and the problem has 103"
    ):
        simulate(problem, [1.0, 2.0], Settings(0.1, design="balanced"))
