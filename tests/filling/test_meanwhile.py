"""What comes to be, or is gone, while a run is made; other processes beside it; and those that are killed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kept import SETTINGS, START, bytes_of, many_shards, never, plain

from mcsgd.errors import (
    BusyError,
    FileFormatError,
    OutputExistsError,
    WriteError,
)
from mcsgd.simulation import simulate
from mcsgd.storage.lock import locked


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
        simulate(toy, START, SETTINGS, path, progress=never)
    assert path.with_name("run.h5.parts").read_text() == "precious"


def test_lock_on_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with locked(tmp_path), pytest.raises(BusyError, match="in use by another process"), locked(tmp_path):
        pass


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


def test_killed_at_random_times(tmp_path):
    """By SIGKILL, in mid-run 50 times: 0 wrong bytes, and nothing done is done again."""
    script = Path(__file__).parents[1] / "kill_and_resume.py"
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
