"""Runs in files give the same bytes however they are begun, cut, killed, extended, and put together."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
import pytest
from kept import bytes_of, flip, make_newer, many_shards

import mcsgd
from mcsgd.errors import (
    BusyError,
    FileFormatError,
    InputError,
    McsgdError,
    McsgdWarning,
    NewerFormatError,
    OutputExistsError,
    WriteError,
)
from mcsgd.pace import Fixed
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.schemes import STREAM_VERSION
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.stopping import StopRules
from mcsgd.storage.lock import locked
from mcsgd.storage.parts import Parts

START = [1.2, 0.7]
SETTINGS = Settings(0.05, epochs=2, trajectories=5000, seed=3, snapshots=(1,), paths=40)
CONTROLLED = replace(SETTINGS, design="control-variate")
PAIRS = replace(SETTINGS, design="reversed-pairs")
MOMENTS = replace(SETTINGS, snapshots=())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def small_leaves(monkeypatch):
    """Leaves of 64 trajectories, so that few trajectories have many."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)


def plain(toy, folder, settings=SETTINGS, **options):
    """The bytes of a run at once, in one block and one thread."""
    where = folder / "plain.h5"
    simulate(toy, START, settings, where, workers=1, block_size=10**6, **options)
    return bytes_of(where)


def shards(path):
    return sorted(path.with_name("run.h5.parts").glob("*-*.h5"))


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
    cloud = simulate(toy, START, replace(SETTINGS, trajectories=fewer), path, progress=_never)
    assert cloud.count == 5000
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert os.listdir(path.parent) == ["run.h5"]


def _never(done, total):
    raise AssertionError("something was computed")


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
        _interrupted(toy, path)
    else:
        simulate(toy, START, SETTINGS, path)
    before = {file: file.read_bytes() for file in path.parent.rglob("*.h5")}
    arguments = {"problem": toy, "start": START, "settings": SETTINGS, "path": path, **OTHERS[named]}
    with pytest.raises(OutputExistsError, match=re.escape(named)):
        simulate(**arguments, progress=_never)
    assert {file: file.read_bytes() for file in path.parent.rglob("*.h5")} == before


def _interrupted(toy, path, after=2000, settings=SETTINGS, **options):
    """Begin a run, and let it be asked to end after some trajectories."""

    def interrupt(done, total):
        if done == after:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt) as caught:
        simulate(toy, START, settings, path, progress=interrupt, block_size=100, workers=1, **options)
    return str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_keeps_what_is_done_and_goes_on(toy, path, tmp_path, number):
    before = signal.getsignal(number)
    text = _interrupted(toy, path)
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
    _interrupted(toy, path)
    (shard,) = shards(path)
    content = shard.read_bytes()
    shard.write_bytes(content[: int(part * len(content))])
    with pytest.warns(McsgdWarning, match=rf"{shard.name} is damaged: .* computed again"):
        simulate(toy, START, SETTINGS, path)
    assert bytes_of(path) == plain(toy, tmp_path)
    assert [file.name for file in shard.parent.iterdir() if file.suffix != ".lock"] == [f"bad-{shard.name}"]


def test_every_flipped_bit_of_a_shard_is_found(toy, path, tmp_path):
    """Bits in the header, in the data and in the checksum."""
    _interrupted(toy, path)
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
    _interrupted(toy, other, settings=replace(SETTINGS, seed=4))
    _interrupted(toy, path)
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
    _interrupted(toy, path)
    newer = shards(path)[0] if part == "shard" else path.with_name("run.h5.parts") / "head.h5"
    make_newer(newer, **version)
    before = {file: file.read_bytes() for file in path.parent.rglob("*.h5")}
    words = rf"{newer.name} .* up to \d: mcsgd .* wrote it, and that version or a newer one reads it"
    with pytest.raises(NewerFormatError, match=words):
        simulate(toy, START, SETTINGS, path, progress=_never)
    assert {file: file.read_bytes() for file in path.parent.rglob("*.h5")} == before


def test_damaged_head_is_named_and_made_again(toy, path, tmp_path):
    _interrupted(toy, path)
    flip(path.with_name("run.h5.parts") / "head.h5", 5000)
    with pytest.warns(McsgdWarning, match=r"head\.h5 is damaged: .* set aside as bad-head\.h5; it is made"):
        simulate(toy, START, SETTINGS, path)
    assert bytes_of(path) == plain(toy, tmp_path)


def test_temporary_files_of_killed_processes_are_swept(toy, path):
    _interrupted(toy, path)
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
    _interrupted(toy, path)
    with pytest.raises(InputError, match=r"trajectories: must be at least \d+, for .*run.h5.parts"):
        simulate(toy, START, replace(SETTINGS, trajectories=1000), path)
    assert len(shards(path)) == 1


def test_fewer_trajectories_than_are_kept_are_nothing_to_do_where_the_file_has_them(toy, path):
    simulate(toy, START, replace(SETTINGS, trajectories=1000), path)
    before = path.read_bytes()
    _interrupted(toy, path)
    cloud = simulate(toy, START, replace(SETTINGS, trajectories=1000), path, progress=_never)
    assert cloud.count == 1000
    assert path.read_bytes() == before
    assert len(shards(path)) == 1


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_what_is_no_run_is_refused(toy, path, content):
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"run\.h5 is not an HDF5 file"):
        simulate(toy, START, SETTINGS, path, progress=_never)
    assert path.read_bytes() == content


def test_damaged_run_is_not_extended(toy, path):
    simulate(toy, START, replace(SETTINGS, trajectories=4000), path)
    flip(path, 8 * path.stat().st_size // 2)
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match="is damaged"):
        simulate(toy, START, SETTINGS, path, progress=_never)
    assert path.read_bytes() == before


# What comes to be, or is gone, meanwhile ---------------------------------------------------------


def test_file_that_came_to_exist_meanwhile_is_not_touched(toy, path, tmp_path):
    def other(done, total):
        path.write_bytes(b"precious")

    with pytest.raises(OutputExistsError, match="came to exist meanwhile; it was not touched") as caught:
        simulate(toy, START, SETTINGS, path, progress=other)
    assert path.read_bytes() == b"precious"
    (aside,) = path.parent.glob("run-*.h5")
    assert str(aside) in str(caught.value)
    assert bytes_of(aside) == plain(toy, tmp_path)


def test_directory_that_is_removed_meanwhile(toy, tmp_path):
    folder = tmp_path / "scratch"

    def remove(done, total):
        shutil.rmtree(folder, ignore_errors=True)

    assert simulate(toy, START, SETTINGS, folder / "run.h5", progress=remove).count == 5000
    assert os.listdir(folder) == ["run.h5"]


def test_shards_that_are_removed_meanwhile(toy, path):
    def remove(done, total):
        if done > 2000:
            shutil.rmtree(path.with_name("run.h5.parts"), ignore_errors=True)

    with many_shards(), pytest.raises(FileFormatError, match=r"000-000000001000\.h5 was removed since"):
        simulate(toy, START, SETTINGS, path, progress=remove, block_size=1000)
    assert not path.exists()


def test_parts_that_are_no_directory(toy, path):
    path.with_name("run.h5.parts").write_text("precious")
    with pytest.raises(WriteError, match=r"run\.h5\.parts could not be locked: .*File exists"):
        simulate(toy, START, SETTINGS, path, progress=_never)
    assert path.with_name("run.h5.parts").read_text() == "precious"


def test_lock_on_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with locked(tmp_path), pytest.raises(BusyError, match="in use by another process"), locked(tmp_path):
        pass


# Two processes ----------------------------------------------------------------------------------


def test_second_run_on_the_same_output_is_told_who_has_it(toy, path):
    caught = []

    def second(done, total):
        if not caught:
            try:
                simulate(toy, START, SETTINGS, path)
            except BusyError as error:
                caught.append(str(error))

    simulate(toy, START, SETTINGS, path, progress=second, block_size=1000)
    assert re.search(
        rf"run\.h5\.parts is in use by process {os.getpid()} on \S+; nothing was touched", *caught
    )


def test_lock_ends_with_its_process(tmp_path):
    code = f"from mcsgd.storage.lock import locked; from pathlib import Path; import os\nwith locked(Path({str(tmp_path)!r}) / 'x'): os._exit(1)"
    subprocess.run([sys.executable, "-c", code], check=False)
    with locked(tmp_path / "x"):
        pass


def test_lock_of_a_killed_process_may_be_left_to_a_child_for_a_moment(tmp_path):
    """As when it was killed between fork and exec of a command."""
    code = f"""
import os, time
from pathlib import Path
from mcsgd.storage.lock import locked
with locked(Path({str(tmp_path)!r}) / "x"):
    if os.fork() == 0:
        time.sleep(0.2)
    os._exit(1)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    with locked(tmp_path / "x"):
        pass


def test_tasks_work_beside_each_other_but_not_beside_a_whole_run(tmp_path):
    with locked(tmp_path, "0-of-2"), locked(tmp_path, "1-of-2"):
        for task in ("", "1-of-2"):
            with pytest.raises(BusyError, match="is in use by process"), locked(tmp_path, task):
                pass
    with locked(tmp_path), pytest.raises(BusyError), locked(tmp_path, "0-of-2"):
        pass


def test_file_system_without_locks(tmp_path, monkeypatch, toy):
    def unsupported(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", unsupported)
    assert simulate(toy, START, SETTINGS, tmp_path / "run.h5").count == 5000


# Processes that are killed ----------------------------------------------------------------------


def test_killed_at_random_times(tmp_path):
    """By SIGKILL, in mid-run 50 times: 0 wrong bytes, and nothing done is done again."""
    script = Path(__file__).with_name("kill_and_resume.py")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script, tmp_path, "50", "run"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] == 50
    assert report["runs"] >= 1


# Other processes make the trajectories ----------------------------------------------------------


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


# Rules by which a run ends ----------------------------------------------------------------------


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
    with pytest.raises(McsgdError, match="the time was over"):
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
        simulate(toy, START, settings, path, stop=rules, keep_cloud=keep, progress=_never).count
        == cloud.count
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
    _interrupted(toy, path, after=3968, settings=MOMENTS, keep_cloud=False)
    rules = StopRules(standard_error=1.8 * simulate(toy, START, MOMENTS).standard_error.max())
    cloud = simulate(toy, START, MOMENTS, path, stop=rules, keep_cloud=False)
    assert cloud.standard_error.max() <= rules.standard_error
    assert mcsgd.load(path).stopped_by == "standard error"
    assert simulate(toy, START, MOMENTS, path, keep_cloud=False).count == 5000


@pytest.mark.parametrize(("argument", "value"), [("standard_error", 0.0), ("seconds", -1), ("seconds", "1")])
def test_wrong_rules(argument, value):
    with pytest.raises(InputError, match=f"^{argument}: must be"):
        StopRules(**{argument: value})


# Limits ------------------------------------------------------------------------------------------

LIMITED = """
import resource, sys
from kept import many_shards
from mcsgd import Settings, simulate, problems, errors
toy = problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
settings = Settings(0.05, epochs=2, trajectories=5000, seed=3, snapshots=(1,), paths=40)
with many_shards():
    try:
        simulate(toy, [1.2, 0.7], settings, sys.argv[1], block_size=500)
    except errors.WriteError as error:
        sys.exit(str(error))
"""


@pytest.mark.parametrize("most", [10_000, 60_000])
def test_no_room_on_the_disk(toy, path, tmp_path, most):
    """Neither for a shard, nor for all of them in one file; what is there stays, and is all that is needed."""
    command = [sys.executable, "-c", LIMITED, path, str(most)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "could not be written: " in done.stderr
    assert len(shards(path)) == (10 if most == 60_000 else 0)
    with h5py.File(shards(path)[0]) if shards(path) else h5py.File(path.with_name("x.h5"), "w") as file:
        assert ("endpoints" in file) == (most == 60_000)
    simulate(toy, START, SETTINGS, path, progress=_never if most == 60_000 else False)
    assert bytes_of(path) == plain(toy, tmp_path)


FULL_DISKS = """
import json, subprocess, sys
from pathlib import Path
from kept import bytes_of, many_shards
from mcsgd import Settings, simulate, problems, errors
toy = problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
settings = Settings(0.05, epochs=2, trajectories=5000, seed=3, snapshots=(1,), paths=40)
folder, plain, reports = Path(sys.argv[1]) / "disk", Path(sys.argv[1]) / "plain.h5", []
folder.mkdir()
simulate(toy, [1.2, 0.7], settings, plain)

def run():
    with many_shards():
        simulate(toy, [1.2, 0.7], settings, folder / "run.h5", block_size=500)

for size in map(int, sys.argv[2:]):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "small", folder], check=True)
    try:
        run()
        raise SystemExit(f"there was room in {size} kB")
    except errors.WriteError as error:
        failed = str(error)
    shards = len(list(folder.glob("run.h5.parts/*-*.h5")))
    subprocess.run(["mount", "-o", "remount,size=5m", folder], check=True)
    run()
    same = bytes_of(folder / "run.h5") == bytes_of(plain)
    left = [path.name for path in folder.iterdir()]
    reports.append({"failed": failed, "shards": shards, "same": same, "left": left})
    subprocess.run(["umount", folder], check=True)
print(json.dumps(reports))
"""


def _own_file_systems():
    """Whether a process may have file systems of its own."""
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "small", "/mnt"]
    return shutil.which("unshare") and subprocess.run(mount, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _own_file_systems(), reason="needs file systems of its own (unshare -rm)")
def test_full_disks_that_get_larger(tmp_path):
    """HDF5, if it is told of a full disk, crashes when the process ends: it ends well."""
    command = ["unshare", "-rm", sys.executable, "-c", FULL_DISKS, tmp_path, *map(str, range(10, 631, 31))]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    reports = json.loads(done.stdout)
    for report in reports:
        assert report["failed"].endswith("could not be written: [Errno 28] No space left on device")
        assert report["same"]
        assert report["left"] == ["run.h5"]
    assert {0, 1, 10} <= {report["shards"] for report in reports}  # full at a shard, and at the end


MEMORY = """
import resource, sys
from mcsgd import Settings, simulate, problems
toy = problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
def run(n):
    simulate(toy, [1.2, 0.7], Settings(0.05, trajectories=n), sys.argv[1] + str(n), keep_cloud=sys.argv[2] == "cloud")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
small, large = run(1000), run(int(sys.argv[3]))
print(large - small)
"""


@pytest.mark.parametrize(("kept", "count"), [("cloud", 40_000_000), ("moments", 100_000_000)])
def test_memory_does_not_grow_with_the_trajectories(tmp_path, kept, count):
    """A cloud of 680 MB is made in less than the 400 MiB that the README says."""
    command = [sys.executable, "-c", MEMORY, tmp_path / "run", kept, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 400 * 2**20


def test_read_only_directory_is_refused_before_anything_is_computed(toy, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="must be in a directory one can write to"):
        simulate(toy, START, SETTINGS, tmp_path / "file" / "run.h5", progress=_never)


def test_statistics_do_not_depend_on_the_threads_of_blas(tmp_path):
    code = (
        "import sys; from mcsgd import Settings, simulate, problems\n"
        "import numpy as np; r = np.random.default_rng(0); A = r.normal(size=(3, 70, 70)) / 9\n"
        "p = problems.Quadratic(A @ A.transpose(0, 2, 1), r.normal(size=(3, 70)))\n"
        "simulate(p, np.zeros(70), Settings(0.01, trajectories=20000), sys.argv[1])"
    )
    found = []
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads}
        path = tmp_path / f"{threads}.h5"
        subprocess.run([sys.executable, "-c", code, path], check=True, env=environment)
        found.append(bytes_of(path))
    assert found[0] == found[1]


def test_in_another_thread_signals_are_left_alone(toy, path):
    before = signal.getsignal(signal.SIGTERM)
    counts = []
    thread = threading.Thread(target=lambda: counts.append(simulate(toy, START, SETTINGS, path).count))
    thread.start()
    thread.join()
    assert counts == [5000]
    assert signal.getsignal(signal.SIGTERM) == before


def test_diverged_trajectories_are_kept_too(path, tmp_path):
    problem = Quadratic([[[-1e308]], [[1e-5]], [[1e-5]]], [[0.0], [1.0], [2.0]])
    settings = Settings(5e4, 2, 400, sampling="with-replacement")
    with many_shards():
        cloud = simulate(problem, [1.0], settings, path, block_size=32)
    whole = simulate(problem, [1.0], settings)
    assert 0 < cloud.diverged == whole.diverged < 400
    assert cloud.endpoints.tobytes() == whole.endpoints.tobytes()
    assert cloud.finished().mean.tobytes() == whole.finished().mean.tobytes()
