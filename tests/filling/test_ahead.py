"""The run's file is written while trajectories are made: it has the same bytes, and can be given up."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from kept import (
    CONTROLLED,
    MOMENTS,
    PAIRS,
    SETTINGS,
    START,
    bytes_of,
    interrupted,
    many_shards,
    plain,
    shards,
)

from mcsgd.errors import FileFormatError
from mcsgd.simulation import simulate
from mcsgd.stopping import StopRules
from mcsgd.storage.draft import Draft
from mcsgd.storage.sink import Sink
from mcsgd.storage.verify import verify


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 160)
    monkeypatch.setattr("mcsgd.storage.draft.AT_ONCE", 1)


def drafts(path):
    return list(path.with_name("run.h5.parts").glob(".*.tmp"))


def run(toy, path, settings=SETTINGS, **options):
    """A run with many shards; returns the sizes of its draft after each block, as far as there was one."""
    sizes = []

    def look(done, total):
        sizes.extend(draft.stat().st_size for draft in drafts(path))

    with many_shards():
        simulate(toy, START, settings, path, progress=look, block_size=500, workers=1, **options)
    assert not path.with_name("run.h5.parts").exists()
    return sizes


@pytest.mark.parametrize("settings", [SETTINGS, CONTROLLED, PAIRS])
def test_same_bytes(toy, path, tmp_path, settings):
    sizes = run(toy, path, settings)
    assert len(sizes) >= 8
    assert sizes[-1] > sizes[0]
    assert bytes_of(path) == plain(toy, tmp_path, settings)
    assert verify(path).passed


def test_of_moments_there_is_none(toy, path):
    assert run(toy, path, MOMENTS, keep_cloud=False) == []


def test_of_runs_that_may_end_before_all_there_is_none(toy, path):
    assert run(toy, path, stop=StopRules(standard_error=1e-9)) == []


def test_a_run_that_is_extended(toy, path, tmp_path):
    """What its file has is copied as well."""
    simulate(toy, START, replace(SETTINGS, trajectories=1000), path)
    assert len(run(toy, path)) >= 6
    assert bytes_of(path) == plain(toy, tmp_path)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("HDF5"), FileFormatError("x")]
)
def test_what_fails_is_given_up_and_the_file_is_made_at_the_end(toy, path, tmp_path, monkeypatch, error):
    copy, calls = Draft.copy, []

    def fail(self, *arguments):
        calls.append(self)
        if len(calls) == 3:
            raise error
        copy(self, *arguments)

    monkeypatch.setattr(Draft, "copy", fail)
    assert len(run(toy, path)) <= 3
    assert len(calls) == 4  # the last one at the end, to a file begun anew
    assert calls[3] is not calls[2]
    assert bytes_of(path) == plain(toy, tmp_path)


@pytest.mark.parametrize("error", [OSError(122, "Disk quota exceeded"), RuntimeError("HDF5")])
def test_what_fails_at_the_end_is_made_anew(toy, path, tmp_path, monkeypatch, error):
    complete, calls = Draft.complete, []

    def fail(self, *arguments):
        calls.append(self)
        if len(calls) == 1:
            raise error
        complete(self, *arguments)

    monkeypatch.setattr(Draft, "complete", fail)
    assert run(toy, path)
    assert len(calls) == 2
    assert bytes_of(path) == plain(toy, tmp_path)


def test_a_draft_that_someone_removes_is_made_anew(toy, path, tmp_path):
    def remove(done, total):
        for draft in drafts(path):
            draft.unlink()

    with many_shards():
        simulate(toy, START, SETTINGS, path, progress=remove, block_size=500, workers=1)
    assert bytes_of(path) == plain(toy, tmp_path)


def test_full_disk(toy, path, tmp_path, monkeypatch):
    """HDF5 is not told: the sink says it."""
    write, sinks = Sink.write, []

    def full(self, data):
        sinks.extend([self] if self not in sinks else [])
        if self is drafted and self.tell() > 40_000:
            self.error = OSError(28, "No space left on device")
        return write(self, data)

    def drafted_of(done, total):
        nonlocal drafted
        if drafted is None and drafts(path):
            drafted = next(sink for sink in sinks if Path(sink.name) in drafts(path))

    drafted = None
    monkeypatch.setattr(Sink, "write", full)
    with many_shards():
        simulate(toy, START, SETTINGS, path, progress=drafted_of, block_size=500, workers=1)
    assert drafted.error
    assert not Path(drafted.name).exists()
    assert bytes_of(path) == plain(toy, tmp_path)


def test_of_what_is_there_already_little_is_copied_at_a_time(toy, path, tmp_path, monkeypatch):
    """Else no shard would be written meanwhile, nor a signal seen."""
    interrupted(toy, path, after=4000)
    monkeypatch.setattr("mcsgd.storage.ahead.SECONDS", 0)
    copy, copied = Draft.copy, []

    def count(self, *arguments):
        before = self._done
        copy(self, *arguments)
        copied.append(self._done - before)

    monkeypatch.setattr(Draft, "copy", count)
    run(toy, path)
    assert copied[:-1] == [160] * (len(copied) - 1)
    assert sum(copied) == 5000
    assert bytes_of(path) == plain(toy, tmp_path)


def test_of_what_other_processes_make(toy, path, tmp_path):
    """Threads in their place."""
    with ThreadPoolExecutor(1) as executor:
        assert run(toy, path, executor=executor)
    assert bytes_of(path) == plain(toy, tmp_path)


def test_where_there_is_no_room_for_shards_and_file(toy, path, tmp_path, monkeypatch):
    usage = SimpleNamespace(free=2 * 5000 * 16)
    monkeypatch.setattr("mcsgd.storage.ahead.shutil.disk_usage", lambda folder: usage)
    assert run(toy, path) == []
    assert bytes_of(path) == plain(toy, tmp_path)


def test_run_that_ends_before_all_has_a_file_of_what_there_is(toy, path):
    stop, seen = StopRules(seconds=1e9), []

    def late(done, total):
        seen.extend(drafts(path))
        if done >= 2000:
            object.__setattr__(stop, "began", -1e10)

    with many_shards():
        cloud = simulate(toy, START, SETTINGS, path, progress=late, block_size=500, workers=1, stop=stop)
    assert seen
    assert 2000 <= cloud.count < 5000
    assert not drafts(path)
    assert verify(path).passed


def test_interrupted_run_leaves_no_draft(toy, path, tmp_path):
    with many_shards():
        interrupted(toy, path)
    assert shards(path)
    assert not drafts(path)
    assert run(toy, path)
    assert bytes_of(path) == plain(toy, tmp_path)
