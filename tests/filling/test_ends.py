"""Runs made by other processes, and rules by which runs end."""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest
from kept import CONTROLLED, MOMENTS, SETTINGS, START, bytes_of, interrupted, never, plain

import mcsgd
from mcsgd.errors import (
    IncompleteError,
    InputError,
)
from mcsgd.simulation import simulate
from mcsgd.stopping import StopRules


@pytest.mark.parametrize("keep", [True, False], ids=["cloud", "moments"])
def test_executor_of_other_processes(toy, path, tmp_path, keep, monkeypatch):
    monkeypatch.setattr("mcsgd.engines.LEAST_WORK", 1.0)
    settings = replace(CONTROLLED, trajectories=3000) if keep else MOMENTS
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        done = []
        simulate(
            toy,
            START,
            settings,
            path,
            executor=executor,
            keep_cloud=keep,
            progress=lambda n, _: done.append(n),
        )
    assert (len(done) > 10) == keep  # a leaf has more trajectories than these
    assert done[-1] == settings.trajectories
    assert bytes_of(path) == plain(toy, tmp_path, settings, keep_cloud=keep)
    assert sorted(os.listdir(tmp_path)) == ["plain.h5", "run.h5"]


def test_executor_and_rules_need_a_path(toy):
    with pytest.raises(InputError) as caught:
        simulate(toy, START, SETTINGS, stop=StopRules(seconds=1), executor=object())
    assert {issue.argument for issue in caught.value.issues} == {"stop", "executor"}


def test_time_is_over_and_the_run_goes_on_later(toy, path, tmp_path):
    rules = StopRules(seconds=3600)

    def later(done, total):
        if done >= 2000:
            object.__setattr__(rules, "began", rules.began - 3600)

    cloud = simulate(toy, START, SETTINGS, path, stop=rules, progress=later, block_size=100, workers=1)
    assert 2000 <= cloud.count < 2500
    assert mcsgd.load(path).stopped_by == "time"
    assert mcsgd.load(path).experiment["ensemble"]["trajectories"] == 5000
    simulate(toy, START, SETTINGS, path)
    assert mcsgd.load(path).stopped_by == "count"
    assert bytes_of(path) == plain(toy, tmp_path)


def test_time_over_before_anything_is_done(toy, path):
    with pytest.raises(IncompleteError, match="the time was over before trajectory 0"):
        simulate(toy, START, MOMENTS, path, stop=StopRules(seconds=1e-9), keep_cloud=False, block_size=10)
    assert not path.exists()
    assert simulate(toy, START, MOMENTS, path, keep_cloud=False).count == 5000


@pytest.mark.parametrize("there", [50, 3000])
@pytest.mark.usefixtures("small_leaves")
def test_time_over_before_the_last_leaf_of_a_file_is_made_again(toy, path, tmp_path, there):
    """It ends within a leaf: what the file has of that is not lost."""
    fewer, over = replace(MOMENTS, trajectories=there), StopRules(seconds=1e-9)
    options = {"keep_cloud": False, "block_size": 16, "workers": 1}
    simulate(toy, START, fewer, path, **options)
    assert simulate(toy, START, MOMENTS, path, stop=over, **options).count == there
    assert mcsgd.load(path).stopped_by == "time"
    assert bytes_of(path) == plain(toy, tmp_path, fewer, keep_cloud=False)
    (tmp_path / "plain.h5").unlink()
    simulate(toy, START, MOMENTS, path, **options)
    assert bytes_of(path) == plain(toy, tmp_path, MOMENTS, keep_cloud=False)


@pytest.mark.usefixtures("small_leaves")
def test_standard_error_that_fewer_had_does_not_take_any_away(toy, path, monkeypatch):
    """By chance, the error may be small enough of fewer trajectories than a file has, and not of those."""
    simulate(toy, START, replace(SETTINGS, trajectories=3000), path)
    monkeypatch.setattr("mcsgd.filling.enough", lambda moments, limit: moments.singles.count < 3000)
    assert simulate(toy, START, SETTINGS, path, stop=StopRules(standard_error=1.0)).count == 5000


@pytest.mark.parametrize("options", [{}, {"workers": 3, "block_size": 17}], ids=["plain", "cut"])
@pytest.mark.parametrize(
    ("settings", "keep"),
    [(SETTINGS, True), (CONTROLLED, True), (MOMENTS, False)],
    ids=["cloud", "cv", "moments"],
)
@pytest.mark.usefixtures("small_leaves")
def test_standard_error_is_reached_with_the_same_bytes(toy, path, tmp_path, settings, keep, options):
    whole = simulate(toy, START, settings, keep_cloud=keep)
    target = 1.8 * whole.standard_error.max()
    rules = StopRules(standard_error=target)
    cloud = simulate(toy, START, settings, path, stop=rules, keep_cloud=keep, **options)
    assert cloud.standard_error.max() <= target
    assert 0.2 * 5000 < cloud.count < 0.5 * 5000
    assert mcsgd.load(path).stopped_by == "standard error"
    again = plain(toy, tmp_path, replace(settings, trajectories=cloud.count), keep_cloud=keep)
    assert bytes_of(path) == again
    assert (
        simulate(toy, START, settings, path, stop=rules, keep_cloud=keep, progress=never).count == cloud.count
    )
    assert simulate(toy, START, settings, path, keep_cloud=keep).count == 5000  # without the rule, it goes on


@pytest.mark.parametrize("keep", [True, False], ids=["cloud", "moments"])
@pytest.mark.usefixtures("small_leaves")
def test_standard_error_with_other_processes(toy, path, tmp_path, keep, monkeypatch):
    monkeypatch.setattr("mcsgd.engines.LEAST_WORK", 1.0)
    whole = simulate(toy, START, MOMENTS, keep_cloud=keep)
    rules = StopRules(standard_error=1.8 * whole.standard_error.max())
    here = simulate(toy, START, MOMENTS, tmp_path / "here.h5", stop=rules, keep_cloud=keep)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        cloud = simulate(toy, START, MOMENTS, path, stop=rules, keep_cloud=keep, executor=executor)
    assert cloud.count == here.count < 5000
    assert mcsgd.load(path).stopped_by == "standard error"
    assert bytes_of(path) == bytes_of(tmp_path / "here.h5")


@pytest.mark.usefixtures("small_leaves")
def test_standard_error_of_moments_merged_beyond_where_it_is_reached(toy, path):
    """What was kept of a longer run is in few large nodes: a look at fewer trajectories has no moments."""
    interrupted(toy, path, after=3968, settings=MOMENTS, keep_cloud=False)
    rules = StopRules(standard_error=1.8 * simulate(toy, START, MOMENTS).standard_error.max())
    cloud = simulate(toy, START, MOMENTS, path, stop=rules, keep_cloud=False)
    assert cloud.standard_error.max() <= rules.standard_error
    assert mcsgd.load(path).stopped_by == "standard error"
    assert simulate(toy, START, MOMENTS, path, keep_cloud=False).count == 5000


@pytest.mark.parametrize(("argument", "value"), [("standard_error", 0.0), ("seconds", -1), ("seconds", "1")])
def test_wrong_rules(argument, value):
    with pytest.raises(InputError, match=f"^{argument}: must be"):
        StopRules(**{argument: value})
