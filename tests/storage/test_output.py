import os
from pathlib import Path

import numpy as np
import pytest
from same import assert_same_cloud

from mcsgd.errors import FileFormatError, InputError, OutputExistsError, WriteError
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage import load
from mcsgd.storage.output import check_output, check_run_output, new_file
from mcsgd.storage.seal import LENGTH
from mcsgd.storage.write import write_run


def never(done, total):
    raise AssertionError("something was computed")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def changed(content, position):
    """The content of a file with one bit flipped."""
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


NOT_RUNS = {
    "garbage": (lambda _: b"precious", "is not an HDF5 file"),
    "empty": (lambda _: b"", "is not an HDF5 file"),
    "cut": (lambda run: run[: len(run) // 2], "is not an HDF5 file, or is damaged"),
    "edited": (lambda run: run[:-LENGTH], "is damaged: it has no checksum at its end"),
    "flipped": (lambda run: changed(run, len(run) // 2), "is damaged: its bytes do not have the checksum"),
}


@pytest.mark.parametrize("kind", NOT_RUNS)
def test_what_is_not_a_whole_run_is_refused_before_the_simulation(toy, tmp_path, kind):
    path, (make, words) = tmp_path / "run.h5", NOT_RUNS[kind]
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2), path)
    path.write_bytes(content := make(path.read_bytes()))
    with pytest.raises(FileFormatError, match=rf"run\.h5 {words}.* It was not touched"):
        simulate(toy, [1.0, 2.0], Settings(0.1), path, progress=never)
    assert path.read_bytes() == content
    assert files(tmp_path) == ["run.h5"]


@pytest.mark.parametrize(
    ("start", "settings", "words"),
    [
        ([1.0, 2.0], Settings(0.2), r"sgd\.step_size: 0\.1 there, 0\.2 here\."),
        (
            [1.0, 2.0],
            Settings(0.1, seed=3, epochs=2),
            r"sgd\.epochs: 1 there, 2 here; ensemble\.seed: 0 there, 3 here\.",
        ),
        ([1.0, 2.5], Settings(0.1), r"the start\."),
    ],
    ids=["step-size", "two", "start"],
)
def test_another_experiment_is_refused_before_the_simulation(toy, tmp_path, start, settings, words):
    path = tmp_path / "run.h5"
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2), path)
    before = path.read_bytes()
    message = rf"run\.h5 is of another experiment; it was not touched\. {words} Choose another name"
    with pytest.raises(OutputExistsError, match=message):
        simulate(toy, start, settings, path, progress=never)
    with pytest.raises(OutputExistsError, match="it keeps the cloud, and not the moments"):
        simulate(toy, [1.0, 2.0], Settings(0.1), path, keep_cloud=False, progress=never)
    assert path.read_bytes() == before
    assert files(tmp_path) == ["run.h5"]


def test_the_same_ensemble_is_left_as_it_is_or_extended(toy, tmp_path):
    path, fewer, more = tmp_path / "run.h5", Settings(0.1, trajectories=30), Settings(0.1, trajectories=50)
    simulate(toy, [1.0, 2.0], fewer, path)
    before = path.read_bytes()
    assert_same_cloud(
        simulate(toy, [1.0, 2.0], fewer, path, progress=never), simulate(toy, [1.0, 2.0], fewer)
    )
    assert path.read_bytes() == before
    assert_same_cloud(simulate(toy, [1.0, 2.0], more, path), simulate(toy, [1.0, 2.0], more))
    assert files(tmp_path) == ["run.h5"]


def test_whatever_exists_is_refused(tmp_path):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "dangling"):
        with pytest.raises(OutputExistsError, match=r"^out: "):
            check_output(path, argument="out")
    assert files(tmp_path) == ["dangling"]


def test_missing_directories_are_made_by_the_writing_not_by_the_check(toy, tmp_path):
    path = tmp_path / "a" / "b" / "run.h5"
    assert check_output(path) == path
    assert files(tmp_path) == []
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2), path)
    assert files(tmp_path) == ["a", "a/b", "a/b/run.h5"]


@pytest.mark.parametrize("below", ["file/run.h5", "file/a/b/run.h5"])
def test_directory_that_cannot_be_written_to(toy, tmp_path, below):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^path: must be in a directory one can write to"):
        simulate(toy, [1.0, 2.0], Settings(0.1), tmp_path / below, progress=never)


@pytest.mark.parametrize("name", ["x" * 252 + ".h5", "x" * 300 + ".h5", "x" * 300 + "/run.h5"])
def test_name_too_long_is_found_before_the_simulation(toy, tmp_path, name):
    """The first is as long as a name may be (255), which leaves no room for the directory of its parts."""
    with pytest.raises(InputError, match=r"^path: must (be in|have a name)"):
        simulate(toy, [1.0, 2.0], Settings(0.1), tmp_path / name, progress=never)
    assert files(tmp_path) == []


def test_longest_name(toy, tmp_path):
    """Of 255 bytes, those of the directory of parts aside."""
    path = tmp_path / ("x" * 246 + ".h5")
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2), path)
    assert files(tmp_path) == [path.name]
    with pytest.raises(InputError, match=r"^out: must have a name of at most 249 bytes"):
        check_run_output(tmp_path / f"x{path.name}", "out")


def test_link_stays_and_the_run_it_leads_to_is_extended(toy, tmp_path):
    link, real = tmp_path / "link.h5", tmp_path / "disk" / "run.h5"
    simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=30), real)
    link.symlink_to(real)
    assert simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=50), link).count == 50
    assert link.readlink() == real
    assert load(real).cloud.count == 50
    assert files(tmp_path) == ["disk", "disk/run.h5", "link.h5"]


def write_half(path, replace=False):
    with new_file(path, replace=replace) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.parent == path.parent
        raise KeyboardInterrupt


def test_nothing_is_left_of_a_failure(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "run.h5")
    assert files(tmp_path) == []


def test_nothing_is_left_of_a_failed_run(toy, tmp_path):
    cloud = simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=2))
    with pytest.raises(TypeError, match="JSON"):
        write_run(tmp_path / "run.h5", Run(cloud, experiment={"start": np.zeros(2)}))
    assert files(tmp_path) == []


def no_links(*_):
    raise PermissionError


@pytest.mark.parametrize("links", [True, False])
def test_file_that_came_to_exist_meanwhile_is_not_touched(tmp_path, monkeypatch, links):
    path = tmp_path / "run.h5"
    if not links:
        monkeypatch.setattr(os, "link", no_links)

    def race():
        with new_file(path) as temporary:
            temporary.write_bytes(b"mine")
            path.write_bytes(b"theirs")

    with pytest.raises(OutputExistsError, match="came to exist meanwhile"):
        race()
    assert path.read_bytes() == b"theirs"
    (aside,) = set(files(tmp_path)) - {"run.h5"}  # the late result is kept under another name
    assert (tmp_path / aside).read_bytes() == b"mine"


@pytest.mark.parametrize("links", [True, False])
def test_file_appears_whole(tmp_path, monkeypatch, links):
    path = tmp_path / "run.h5"
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with new_file(path) as temporary:
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert files(tmp_path) == ["run.h5"]


def test_replacing_a_file_that_is_there(tmp_path):
    path = tmp_path / "run.h5"
    path.write_bytes(b"old")
    assert check_output(path, replace=True) == path
    with pytest.raises(OutputExistsError):
        check_output(tmp_path, replace=True)
    with pytest.raises(KeyboardInterrupt):
        write_half(path, replace=True)
    assert path.read_bytes() == b"old"
    with new_file(path, replace=True) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert files(tmp_path) == ["run.h5"]


def test_relative_and_home_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_output("run.h5") == check_output("~/run.h5") == Path(tmp_path / "run.h5")


def test_file_and_directory_are_brought_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    with new_file(tmp_path / "a.h5") as temporary:
        temporary.write_text("x")
    assert synced == [str(temporary), str(tmp_path)]


def test_no_space(tmp_path):
    with pytest.raises(InputError, match=r"path: must be where \d+ MiB are free, got .*a\.h5, with \d+ MiB"):
        check_output(tmp_path / "a.h5", size=2**60)


def test_failed_writing_is_said_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(WriteError, match=r"a\.h5 could not be written: no space"),
        new_file(tmp_path / "a.h5"),
    ):
        raise OSError("no space")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failures_of_the_last_steps_are_said(tmp_path, monkeypatch, call):
    def fail(*_):
        raise OSError("no space")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(WriteError, match=r"a\.h5 could not be written: no space"):
        _write(tmp_path / "a.h5")


def test_directory_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"a\.h5 could not be written: "):
        _write(tmp_path / "file" / "a.h5")


def _write(path):
    with new_file(path, replace=True) as temporary:
        temporary.touch()
