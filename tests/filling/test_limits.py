"""Full disks, little memory, and what is not allowed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import pytest
from kept import SETTINGS, START, bytes_of, many_shards, never, plain, shards

from mcsgd.errors import InputError
from mcsgd.problems import Quadratic
from mcsgd.settings import Settings
from mcsgd.simulation import simulate

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
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "could not be written: " in done.stderr
    assert len(shards(path)) == (10 if most == 60_000 else 0)
    with h5py.File(shards(path)[0]) if shards(path) else h5py.File(path.with_name("x.h5"), "w") as file:
        assert ("endpoints" in file) == (most == 60_000)
    simulate(toy, START, SETTINGS, path, progress=never if most == 60_000 else False)
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
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
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
        simulate(toy, START, SETTINGS, tmp_path / "file" / "run.h5", progress=never)


@pytest.mark.parametrize("settings", ["0.01, trajectories=20000", "0.3, 3, 1000, design='control-variate'"])
def test_bytes_do_not_depend_on_blas(tmp_path, settings):
    """Neither on its threads nor on the processor that it is for."""
    code = (
        "import sys; from mcsgd import Settings, simulate, problems\n"
        "import numpy as np; r = np.random.default_rng(0); X = r.normal(size=(90, 70))\n"
        "p = problems.LogisticRegression(X, np.arange(90) % 2, 30)\n"
        f"simulate(p, r.normal(size=70), Settings({settings}), sys.argv[1])"
    )
    found = []
    for threads, processor in (("1", "Haswell"), ("2", "Haswell"), ("2", "Nehalem")):
        of_blas = {"OPENBLAS_NUM_THREADS": threads, "OPENBLAS_CORETYPE": processor}
        path = tmp_path / f"{threads}-{processor}.h5"
        subprocess.run([sys.executable, "-c", code, path], check=True, env={**os.environ, **of_blas})
        found.append(bytes_of(path))
    assert found[0] == found[1] == found[2]


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
