"""Parts of a run, from wherever they come, make the file that one run at once makes, or it is said why not."""

import random
import re
import shutil
import warnings

import h5py
import numpy as np
import pytest
from kept import bytes_of, flip, make_newer
from run_files import CORRECTED, FULL
from typer.testing import CliRunner

from mcsgd.cli import app
from mcsgd.errors import (
    BusyError,
    FileFormatError,
    IncompleteError,
    InputError,
    McsgdWarning,
    NewerFormatError,
    OutputExistsError,
)
from mcsgd.experiment import Experiment
from mcsgd.schemes import STREAM_VERSION
from mcsgd.storage.merge import merge
from mcsgd.storage.parts import Parts
from mcsgd.storage.seal import LENGTH, seal

KEEPS = {"cloud": True, "moments": False}


@pytest.fixture(autouse=True)
def _small_leaves(monkeypatch):
    """Leaves of 64 trajectories, so that few trajectories have many."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "merged.h5"


def experiment(folder, text=FULL, **changes):
    for name, value in changes.items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    (folder / "experiment.toml").write_text(text)
    return Experiment.read(folder / "experiment.toml")


def whole(folder, keep=True, name="whole.h5", **changes):
    """A run at once."""
    text = CORRECTED if keep else FULL
    experiment(folder, text, **changes).run(folder / name, keep_cloud=keep)
    return folder / name


def parts_of(folder, tasks, keep=True, **changes):
    """The head and the shards of a run in so many tasks, none of them merged."""
    given = experiment(folder, CORRECTED if keep else FULL, **changes)
    for k in range(tasks):
        given.run_task(folder / "run.h5", (k, tasks), keep_cloud=keep)
    found = sorted(Parts(folder / "run.h5").folder.glob("*.h5"))
    return found[-1], found[:-1]


def scattered(folder, head, shards):
    """The shards in random order, each in a directory of its own, or moved there by the file or the directory."""
    places = [head]
    for i, shard in enumerate(shards):
        place = folder / f"part-{i}"
        place.mkdir()
        shutil.move(shard, place)
        places.append(place if i % 2 else place / shard.name)
    random.Random(len(shards)).shuffle(places)
    return places


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
@pytest.mark.parametrize("tasks", [1, 3, 17])
def test_same_bytes_of_any_shards_in_any_order(tmp_path, target, tasks, keep):
    head, shards = parts_of(tmp_path, tasks, keep)
    assert len(shards) == tasks
    run = merge(target, scattered(tmp_path, head, shards))
    assert (run.cloud.count, run.stopped_by) == (2100, "count")
    assert bytes_of(target) == bytes_of(whole(tmp_path, keep))


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
def test_parts_of_the_target_are_removed_and_others_are_not(tmp_path, keep):
    target, other = tmp_path / "run.h5", tmp_path / "other"
    parts_of(tmp_path, 4, keep)
    other.mkdir()
    shutil.move(sorted(Parts(target).folder.glob("*.h5"))[0], other)
    merge(target, [other])
    assert bytes_of(target) == bytes_of(whole(tmp_path, keep))
    assert not Parts(target).folder.exists()
    assert len(list(other.iterdir())) == 1


def test_again_there_is_nothing_to_merge(tmp_path):
    target = tmp_path / "run.h5"
    parts_of(tmp_path, 2)
    results = [CliRunner().invoke(app, ["merge", str(target)]) for _ in range(2)]
    assert [result.exit_code for result in results] == [0, 0]
    assert [result.stdout.split(f" {target}")[0] for result in results] == [
        "Written to",
        "Nothing to merge in",
    ]


def test_all_that_a_shell_s_star_gives(tmp_path, target):
    head, shards = parts_of(tmp_path, 3)
    merge(target, [head, *shards])
    assert bytes_of(target) == bytes_of(whole(tmp_path))


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
def test_shorter_runs_are_parts_and_the_longest_says_how_many(tmp_path, target, keep):
    short = whole(tmp_path, keep, "short.h5", trajectories=640)
    long = whole(tmp_path, keep, "long.h5")
    with pytest.warns(McsgdWarning, match="trajectories 0 to 639; they are the same"):
        merge(target, [short, long])
    assert bytes_of(target) == bytes_of(long)


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
def test_missing_trajectories_are_listed_and_nothing_is_written(tmp_path, target, keep):
    head, shards = parts_of(tmp_path, 17, keep)
    with pytest.raises(IncompleteError) as caught:
        merge(target, [head, *shards[1:12], *shards[13:]], tasks=17)
    first, stop = (int(i) for i in re.findall(r"\d+", shards[0].name)[:2])
    a, b = (int(i) for i in re.findall(r"\d+", shards[12].name)[:2])
    text = (
        f"{stop - first + b - a} of 2100 trajectories are missing: {first} to {stop - 1}, {a} to {b - 1}. "
        "Of 17 tasks, these are not done: 0, 12. Nothing was merged"
    )
    assert str(caught.value) == text
    assert not target.exists()


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
def test_overlaps_are_said(tmp_path, target, keep):
    head, thirds = parts_of(tmp_path, 3, keep)
    for shard in thirds:
        shutil.copy(shard, tmp_path)
    shutil.rmtree(head.parent)
    head, halves = parts_of(tmp_path, 2, keep)
    with pytest.warns(McsgdWarning, match="both have trajectories .* they are the same") as said:
        merge(target, [head, *halves, *(tmp_path / shard.name for shard in thirds)])
    assert len(said) == 4
    assert bytes_of(target) == bytes_of(whole(tmp_path, keep))


@pytest.mark.parametrize(
    ("keep", "dataset"),
    [(True, "endpoints"), (True, "corrected"), (True, "snapshots"), (False, "moments/units/mean")],
)
def test_overlaps_that_differ_are_refused(tmp_path, target, keep, dataset):
    """Both are whole files, with checksums; one was made by a program that computes otherwise."""
    head, (shard,) = parts_of(tmp_path, 1, keep)
    other = tmp_path / "other" / shard.name
    other.parent.mkdir()
    other.write_bytes(shard.read_bytes()[:-LENGTH])
    with h5py.File(other, "r+") as file:
        file[dataset][0, -1] += 1e-15
    seal(other)
    with pytest.raises(FileFormatError, match="both have trajectories 0 to 2099, and they are not the same"):
        merge(target, [head, shard, other])
    assert not target.exists()


def test_no_warning_where_parts_only_meet(tmp_path, target):
    head, shards = parts_of(tmp_path, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        merge(target, [head, *shards])


def test_damaged_part_is_named(tmp_path, target):
    head, shards = parts_of(tmp_path, 3)
    flip(shards[1], 5000)
    with pytest.raises(FileFormatError, match=re.escape(f"{shards[1]} is damaged")):
        merge(target, [head, *shards])
    flip(shards[1], 5000)
    flip(head, 5000)
    with pytest.raises(FileFormatError, match=re.escape(f"{head} is damaged")):
        merge(target, [head, *shards])
    assert not target.exists()


def test_part_of_another_run_is_refused(tmp_path, target):
    other = whole(tmp_path, seed=1)
    before = other.read_bytes()
    head, shards = parts_of(tmp_path, 2)
    with pytest.raises(OutputExistsError, match=r"ensemble.seed: (1|9.*7) there, (1|9.*7) here"):
        merge(target, [head, *shards, other])
    assert other.read_bytes() == before


def test_target_of_another_run_is_not_touched(tmp_path):
    target = whole(tmp_path, name="merged.h5", step_size=0.01)
    before = target.read_bytes()
    head, shards = parts_of(tmp_path, 2)
    with pytest.raises(OutputExistsError, match="is of another experiment; it was not touched"):
        merge(target, [head, *shards])
    assert target.read_bytes() == before


def test_shards_without_what_they_are_of(tmp_path, target):
    head, shards = parts_of(tmp_path, 2)
    with pytest.raises(InputError, match=r"parts: must have a run, or its head\.h5"):
        merge(target, shards)
    with pytest.raises(InputError, match=r"parts\[1\]: must be a file or a directory"):
        merge(target, [head, tmp_path / "nothing.h5"])
    with pytest.raises(InputError, match="parts: must be given"):
        merge(target)


def test_busy_target(tmp_path, target):
    head, shards = parts_of(tmp_path, 2)
    with Parts(target).locked("0-of-2"), pytest.raises(BusyError):
        merge(target, [head, *shards])


NEWER = {"format_version": np.array([2, 0]), "stream_version": STREAM_VERSION + 1}


@pytest.mark.parametrize("version", NEWER)
@pytest.mark.parametrize("part", ["head", "shard", "run"])
@pytest.mark.parametrize("own", [True, False], ids=["own", "given"])
def test_parts_of_a_newer_version_are_refused_and_stay(tmp_path, target, version, part, own):
    head, shards = parts_of(tmp_path, 2)
    run = whole(tmp_path) if part == "run" else None
    newer = {"head": head, "shard": shards[1], "run": run}[part]
    make_newer(newer, **{version: NEWER[version]})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.h5")}
    words = rf"{newer.name} .* and this mcsgd .* up to \d: mcsgd .* that version or a newer one reads it"
    with pytest.raises(NewerFormatError, match=words):
        merge(
            tmp_path / "run.h5" if own else target,
            [*([] if own else [head, *shards]), *([run] if run else [])],
        )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.h5")} == before


@pytest.mark.parametrize("given", ["folder", "shard", "target"])
def test_what_is_there_anyway_may_be_given_too(tmp_path, given):
    target = whole(tmp_path, name="run.h5", trajectories=640)
    _, shards = parts_of(tmp_path, 2)
    part = {"folder": shards[0].parent, "shard": shards[0], "target": target}[given]
    merge(target, [part])
    assert bytes_of(target) == bytes_of(whole(tmp_path))


def test_run_whose_name_is_two_numbers_is_no_shard(tmp_path, target):
    dated = whole(tmp_path, name="2026-01.h5")
    merge(target, [dated])
    assert bytes_of(target) == bytes_of(dated)


@pytest.mark.parametrize("tasks", [0, -3, 1.5])
def test_wrong_number_of_tasks(tmp_path, target, tasks):
    head, _ = parts_of(tmp_path, 2)
    with pytest.raises(InputError, match="tasks: must be"):
        merge(target, [head], tasks=tasks)


def test_tasks_without_trajectories_are_not_named(tmp_path, target):
    """Of 2100 trajectories, there are 33 leaves: most of 100 tasks have none."""
    head, shards = parts_of(tmp_path, 100, keep=False)
    assert len(shards) == 33
    with pytest.raises(IncompleteError, match=r"Of 100 tasks, these are not done: 3\. Nothing"):
        merge(target, [head, *shards[1:]], tasks=100)
