"""Runs in files give the same bytes however they are begun, cut, interrupted, extended, and damaged."""

import os
import re
import signal
from dataclasses import replace

import numpy as np
import pytest
from kept import (
    CONTROLLED,
    MOMENTS,
    PAIRS,
    SETTINGS,
    START,
    bytes_of,
    flip,
    interrupted,
    make_newer,
    many_shards,
    never,
    plain,
    shards,
)

import mcsgd
from mcsgd.errors import (
    FileFormatError,
    InputError,
    McsgdWarning,
    NewerFormatError,
    OutputExistsError,
)
from mcsgd.pace import Fixed
from mcsgd.problems import ScalarFactorization
from mcsgd.schemes import STREAM_VERSION
from mcsgd.simulation import simulate
from mcsgd.stopping import StopRules
from mcsgd.storage.parts import Parts

WAYS = {
    "two threads": {"workers": 2},
    "blocks of 7": {"block_size": 7, "workers": 3},
    "blocks of 1000": {"block_size": 1000},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("settings", "keep"),
    [(SETTINGS, True), (CONTROLLED, True), (PAIRS, True), (MOMENTS, False)],
    ids=["cloud", "control-variate", "pairs", "moments"],
)
@pytest.mark.usefixtures("small_leaves")
def test_same_bytes_for_any_threads_blocks_and_shards(toy, path, tmp_path, settings, keep, way):
    with many_shards():
        simulate(toy, START, settings, path, keep_cloud=keep, **WAYS[way])
    assert bytes_of(path) == plain(toy, tmp_path, settings, keep_cloud=keep)
    assert not path.with_name("run.h5.parts").exists()


def test_small_runs_write_no_shards(toy, path):
    seen = []
    simulate(toy, START, SETTINGS, path, block_size=100, progress=lambda *_: seen.extend(shards(path)))
    assert seen == []


@pytest.mark.parametrize("counts", [(1000, 5000), (16, 17, 1234, 5000)], ids=str)
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.usefixtures("small_leaves")
def test_more_trajectories_are_added(toy, path, tmp_path, counts, keep):
    settings = SETTINGS if keep else MOMENTS
    fewer = replace(settings, paths=16)
    done = []
    for count in counts:
        simulate(toy, START, replace(fewer, trajectories=count), path, keep_cloud=keep, block_size=64)
        done.append(count)
    assert bytes_of(path) == plain(toy, tmp_path, fewer, keep_cloud=keep)


def test_only_what_is_missing_is_computed(toy, path):
    simulate(toy, START, replace(SETTINGS, trajectories=4000), path)
    done = []
    simulate(toy, START, SETTINGS, path, block_size=100, progress=lambda n, total: done.append((n, total)))
    assert done == [(n, 5000) for n in range(4100, 5001, 100)]


@pytest.mark.usefixtures("small_leaves")
def test_progress_is_of_what_there_is_stage_by_stage(toy, path):
    """Between looks at the standard error."""
    done = []
    rules = StopRules(standard_error=1e-9)
    simulate(toy, START, SETTINGS, path, stop=rules, progress=lambda n, _: done.append(n))
    assert done[0] <= 64
    assert 64 in done
    assert done == sorted(done)
    assert done[-1] == 5000


def test_rooms_are_of_whole_groups_whose_draws_are_faster(toy, path, monkeypatch):
    monkeypatch.setattr("mcsgd.production.ROOM", 1001 * 17)
    monkeypatch.setattr("mcsgd.production.BLOCK", 64 * 17)
    done = []
    simulate(toy, START, SETTINGS, path, progress=lambda n, _: done.append(n))
    assert {n % 16 for n in done[:-1]} == {0}


def test_progress_of_a_task_is_of_its_share(path, monkeypatch):
    monkeypatch.setattr("mcsgd.production.Pace", lambda *_: Fixed(400))
    toy = {"kind": "scalar-factorization", "x": [1.0, 0.5, 2.0], "y": [0.6, 1.0, 0.2]}
    tables = {"problem": toy, "start": {"value": START}, "sgd": {"step_size": 0.05}}
    experiment = mcsgd.Experiment.from_tables({**tables, "ensemble": {"trajectories": 4800}})
    done = []
    experiment.run_task(path, (1, 4), progress=lambda *n: done.append(n))
    assert done == [(400, 1200), (800, 1200), (1200, 1200)]


@pytest.mark.parametrize("fewer", [5000, 100])
def test_nothing_to_do(toy, path, fewer):
    simulate(toy, START, SETTINGS, path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    cloud = simulate(toy, START, replace(SETTINGS, trajectories=fewer), path, progress=never)
    assert cloud.count == 5000
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert os.listdir(path.parent) == ["run.h5"]


OTHERS = {
    "sgd.step_size: 0.05 there, 0.1 here; ensemble.seed: 3 there, 4 here": {
        "settings": replace(SETTINGS, step_size=0.1, seed=4)
    },
    "the start": {"start": [1.2, 0.8]},
    "the data of the problem": {"problem": ScalarFactorization([1.0, 0.5, 2.0, 1.6], [0.6, 1.0, 0.2, 0.9])},
    "it keeps the cloud, and not the moments": {"settings": MOMENTS, "keep_cloud": False},
}


@pytest.mark.parametrize("named", OTHERS)
@pytest.mark.parametrize("begun", [False, True], ids=["done", "begun"])
def test_another_experiment_is_refused(toy, path, named, begun):
    if begun:
        interrupted(toy, path)
    else:
        simulate(toy, START, SETTINGS, path)
    before = {file: file.read_bytes() for file in path.parent.rglob("*.h5")}
    arguments = {"problem": toy, "start": START, "settings": SETTINGS, "path": path, **OTHERS[named]}
    with pytest.raises(OutputExistsError, match=re.escape(named)):
        simulate(**arguments, progress=never)
    assert {file: file.read_bytes() for file in path.parent.rglob("*.h5")} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_keeps_what_is_done_and_goes_on(toy, path, tmp_path, number):
    before = signal.getsignal(number)
    text = interrupted(toy, path)
    assert signal.getsignal(number) == before
    assert "of 5000 trajectories done" in text
    assert "the same command goes on from there" in text
    kept = int(re.search(r"with (\d+) of", text)[1])
    assert 2000 <= kept < 5000
    assert not path.exists()
    done = []
    simulate(toy, START, SETTINGS, path, progress=lambda n, _: done.append(n), block_size=100)
    assert min(done) > kept
    assert bytes_of(path) == plain(toy, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["plain.h5", "run.h5"]


def test_interruption_in_memory_is_python_s_own(toy):
    def interrupt(done, total):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        simulate(toy, START, SETTINGS, block_size=100, progress=interrupt)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_cut_shard_is_named_and_computed_again(toy, path, tmp_path, part):
    interrupted(toy, path)
    (shard,) = shards(path)
    content = shard.read_bytes()
    shard.write_bytes(content[: int(part * len(content))])
    with pytest.warns(McsgdWarning, match=rf"{shard.name} is damaged: .* computed again"):
        simulate(toy, START, SETTINGS, path)
    assert bytes_of(path) == plain(toy, tmp_path)
    assert [file.name for file in shard.parent.iterdir() if file.suffix != ".lock"] == [f"bad-{shard.name}"]


def test_every_flipped_bit_of_a_shard_is_found(toy, path, tmp_path):
    """Bits in the header, in the data and in the checksum."""
    interrupted(toy, path)
    (shard,) = shards(path)
    content = shard.read_bytes()
    expected = plain(toy, tmp_path)
    size = 8 * len(content)
    bits = [*range(0, 800, 61), *np.random.default_rng(0).integers(0, size, 30), size - 4, size - 500]
    for bit in bits:
        flip(shard, int(bit))
        with pytest.warns(McsgdWarning, match=shard.name):
            found = Parts(path).shards(mcsgd.load(tmp_path / "plain.h5").cloud.origin, 0, 5000)
        assert found == []
        shard.with_name(f"bad-{shard.name}").unlink()
        shard.write_bytes(content)
    simulate(toy, START, SETTINGS, path)
    assert bytes_of(path) == expected


def test_shard_of_another_run_is_set_aside(toy, path, tmp_path):
    other = tmp_path / "other" / "run.h5"
    interrupted(toy, other, settings=replace(SETTINGS, seed=4))
    interrupted(toy, path)
    (shard,), (strange,) = shards(path), shards(other)
    os.replace(strange, shard)
    with pytest.warns(McsgdWarning, match="part of another run"):
        simulate(toy, START, SETTINGS, path)
    assert bytes_of(path) == plain(toy, tmp_path)


@pytest.mark.parametrize(
    "version", [{"format_version": np.array([2, 0])}, {"stream_version": STREAM_VERSION + 1}], ids=str
)
@pytest.mark.parametrize("part", ["head", "shard"])
def test_parts_of_a_newer_version_are_refused_and_stay(toy, path, version, part):
    interrupted(toy, path)
    newer = shards(path)[0] if part == "shard" else path.with_name("run.h5.parts") / "head.h5"
    make_newer(newer, **version)
    before = {file: file.read_bytes() for file in path.parent.rglob("*.h5")}
    words = rf"{newer.name} .* up to \d: mcsgd .* wrote it, and that version or a newer one reads it"
    with pytest.raises(NewerFormatError, match=words):
        simulate(toy, START, SETTINGS, path, progress=never)
    assert {file: file.read_bytes() for file in path.parent.rglob("*.h5")} == before


def test_damaged_head_is_named_and_made_again(toy, path, tmp_path):
    interrupted(toy, path)
    flip(path.with_name("run.h5.parts") / "head.h5", 5000)
    with pytest.warns(McsgdWarning, match=r"head\.h5 is damaged: .* set aside as bad-head\.h5; it is made"):
        simulate(toy, START, SETTINGS, path)
    assert bytes_of(path) == plain(toy, tmp_path)


def test_temporary_files_of_killed_processes_are_swept(toy, path):
    interrupted(toy, path)
    folder = path.with_name("run.h5.parts")
    (folder / ".0123.tmp").write_bytes(b"half")
    (folder / "job-0123.pickle").write_bytes(b"half")
    simulate(toy, START, SETTINGS, path)
    assert not folder.exists()


def test_what_a_killed_worker_left_goes_with_the_parts(toy, path):
    """A file it was writing, and a shard of which it told nobody."""
    folder = path.with_name("run.h5.parts")

    def leave(done, total):
        (folder / ".0123.tmp").write_bytes(b"half")
        (folder / "000000000032-000000000064.h5").write_bytes(b"")

    cloud = simulate(toy, START, SETTINGS, path, progress=leave)
    assert cloud.count == 5000
    assert not folder.exists()


def test_fewer_trajectories_than_are_kept_are_refused(toy, path):
    interrupted(toy, path)
    with pytest.raises(InputError, match=r"trajectories: must be at least \d+, for .*run.h5.parts"):
        simulate(toy, START, replace(SETTINGS, trajectories=1000), path)
    assert len(shards(path)) == 1


def test_fewer_trajectories_than_are_kept_are_nothing_to_do_where_the_file_has_them(toy, path):
    simulate(toy, START, replace(SETTINGS, trajectories=1000), path)
    before = path.read_bytes()
    interrupted(toy, path)
    cloud = simulate(toy, START, replace(SETTINGS, trajectories=1000), path, progress=never)
    assert cloud.count == 1000
    assert path.read_bytes() == before
    assert len(shards(path)) == 1


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_what_is_no_run_is_refused(toy, path, content):
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"run\.h5 is not an HDF5 file"):
        simulate(toy, START, SETTINGS, path, progress=never)
    assert path.read_bytes() == content


def test_damaged_run_is_not_extended(toy, path):
    simulate(toy, START, replace(SETTINGS, trajectories=4000), path)
    flip(path, 8 * path.stat().st_size // 2)
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match="is damaged"):
        simulate(toy, START, SETTINGS, path, progress=never)
    assert path.read_bytes() == before
