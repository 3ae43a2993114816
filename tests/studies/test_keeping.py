"""Studies in files have the same bytes however they are begun, cut, killed, and extended."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from kept import bytes_of, flip, many_shards

import mcsgd
from mcsgd.errors import (
    BusyError,
    FileFormatError,
    IncompleteError,
    McsgdWarning,
    OutputExistsError,
    WriteError,
)
from mcsgd.problems import ScalarFactorization
from mcsgd.settings import Settings
from mcsgd.stopping import StopRules
from mcsgd.storage.lock import locked

START = [1.2, 0.7]
SETTINGS = Settings(0.01, trajectories=2000, design="reversed-pairs", seed=3)
VARY = {"step_size": [0.01, 0.005], "epochs": [1, 6]}
"""Of one epoch the mean is exact."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.h5"


@pytest.fixture
def small_leaves(monkeypatch):
    """Leaves of 64 trajectories, so that few trajectories have many."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)


def measure(toy, path, settings=SETTINGS, vary=VARY, **options):
    return mcsgd.study(toy, START, settings, vary, path=path, **options)


def at_once(toy, folder, settings=SETTINGS, vary=VARY, **options):
    where = folder / "plain" / "study.h5"
    measure(toy, where, settings, vary, workers=1, **options)
    return bytes_of(where)


def never(done, total):
    raise AssertionError("something was computed")


def files(folder):
    """Every file below a folder, locks aside, with its bytes."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".lock")
    return {file.relative_to(folder): file.read_bytes() for file in found}


def parts(path):
    return path.with_name("study.h5.parts")


def test_a_file_gives_the_study_back(toy, path):
    found, again = measure(toy, path), mcsgd.load(path)
    assert found.as_dict() == again.as_dict() == measure(toy, None).as_dict()
    assert (again.axes, again.fields, again.fixed_time) == (found.axes, found.fields, False)
    assert again.experiment["study"] == {"vary": VARY, "fixed_time": False, "exact": "auto"}
    assert os.listdir(path.parent) == ["study.h5"]
    assert again.count.tolist() == [[0, 2000], [0, 2000]]


def test_nothing_to_do(toy, path):
    measure(toy, path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    found = measure(toy, path, progress=never)
    assert found.as_dict() == mcsgd.load(path).as_dict()
    fewer = replace(SETTINGS, trajectories=1000)
    assert measure(toy, path, fewer, fields=["gradient"], progress=never).count[0, 1] == 2000
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert os.listdir(path.parent) == ["study.h5"]


MORE = {
    "values": {"vary": {"step_size": [0.015, 0.01, 0.005, 0.0025], "epochs": [1, 6]}},
    "an axis": {"vary": {**VARY, "momentum": [0.0, 0.25]}},
    "trajectories": {"settings": replace(SETTINGS, trajectories=3000)},
    "both": {
        "vary": {"step_size": [0.01, 0.005], "epochs": [1, 2, 6]},
        "settings": replace(SETTINGS, trajectories=3000),
    },
    "another order": {"vary": {"epochs": [6, 1], "step_size": [0.005, 0.01]}},
}


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("kind", [{}, {"exact": False}], ids=["auto", "Monte Carlo"])
@pytest.mark.usefixtures("small_leaves")
def test_extended(toy, path, tmp_path, more, kind):
    """The same bytes as at once; only what is missing is simulated."""
    measure(toy, path, **kind)
    measure(toy, path, **MORE[more], **kind)
    assert bytes_of(path) == at_once(toy, tmp_path, **MORE[more], **kind)
    assert not parts(path).exists()


def test_only_what_is_missing_is_computed(toy, path, monkeypatch):
    measure(toy, path)
    made = []
    run = mcsgd.production.Production.run

    def counting(self):
        made.append((self.simulation.origin.settings.step_size, list(self.spans)))
        return run(self)

    monkeypatch.setattr("mcsgd.production.Production.run", counting)
    measure(toy, path, vary={**VARY, "step_size": [0.015, 0.01, 0.005]})
    assert made == [(0.015, [(0, 2000)])]


def test_another_field_is_added(toy, path):
    first = measure(toy, path, fields=["gradient"])
    second = measure(toy, path, fields=["sgd"])
    assert (first.fields, second.fields) == (("gradient",), ("gradient", "sgd"))
    assert second.distance[..., 0].tolist() == first.distance[..., 0].tolist()
    assert second.distance[..., 1].tolist() == measure(toy, None, fields=["sgd"]).distance[..., 0].tolist()


OTHERS = {
    "sgd.momentum: 0.0 there, 0.5 here; ensemble.seed: 3 there, 4 here": {
        "settings": replace(SETTINGS, momentum=0.5, seed=4)
    },
    "study.vary.step_size: [0.01, 0.005] there, [0.01, 0.004] here": {
        "vary": {"step_size": [0.01, 0.004], "epochs": [1, 6]}
    },
    "the data of the problem, or the start": {
        "problem": ScalarFactorization([1.0, 0.5, 2.0, 1.6], [0.6, 1.0, 0.2, 0.9])
    },
    "study.exact: auto there, False here": {"exact": False},
}


CASES = [(named, False) for named in OTHERS] + [(named, True) for named in OTHERS if "exact" not in named]
"""Of a study that was only begun, other means of the same points may be wanted."""


@pytest.mark.parametrize(("named", "begun"), CASES)
def test_another_experiment_is_refused(toy, path, named, begun):
    interrupted(toy, path) if begun else measure(toy, path)
    before = files(path.parent)
    arguments = {"problem": toy, "start": START, "settings": SETTINGS, "vary": VARY, **OTHERS[named]}
    with pytest.raises(OutputExistsError) as caught:
        mcsgd.study(**arguments, path=path, progress=never)
    assert "is of another experiment; it was not touched" in str(caught.value)
    assert named in str(caught.value)
    assert files(path.parent) == before


def interrupted(toy, path, share=0.5, number=signal.SIGTERM, **options):
    """Begin a study, and let it be asked to end after a share of the work."""

    def interrupt(done, total):
        if done >= share * total and not asked:
            asked.append(done)
            signal.raise_signal(number)

    asked = []
    with pytest.raises(KeyboardInterrupt) as caught, many_shards():
        measure(toy, path, progress=interrupt, workers=1, **options)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.01, 0.4, 0.9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("small_leaves")
def test_interrupted_study_goes_on(toy, path, tmp_path, share, number):
    text = interrupted(toy, path, share, number, exact=False)
    assert "interrupted with " in text
    assert "of 4 points done, which are kept in" in text
    assert text.endswith("study.h5.parts: the same command goes on from there")
    assert not path.exists()
    seen = []
    measure(toy, path, exact=False, progress=lambda done, total: seen.append(done / total))
    assert bytes_of(path) == at_once(toy, tmp_path, exact=False)
    assert not parts(path).exists()


@pytest.mark.slow
def test_killed_at_random_times(tmp_path):
    program = Path(__file__).parents[1] / "kill_and_resume.py"
    command = [sys.executable, program, tmp_path, "20", "study"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] == 20


@pytest.mark.parametrize("kind", ["exact", "point"])
def test_damaged_part_is_named_and_measured_again(toy, path, tmp_path, kind):
    interrupted(toy, path)
    part = next(parts(path).glob(f"{kind}-*.h5"))
    flip(part, 8 * part.stat().st_size // 2)
    with pytest.warns(McsgdWarning, match=rf"{part.name} is damaged: .* measured again"):
        measure(toy, path)
    assert bytes_of(path) == at_once(toy, tmp_path)
    left = [file.name for file in parts(path).iterdir() if file.suffix != ".lock"]
    assert left == [f"bad-{part.name}"]


def test_damaged_list_of_what_was_begun(toy, path):
    interrupted(toy, path)
    (parts(path) / "study.json").write_text("{")
    with pytest.raises(FileFormatError, match=r"study\.json is damaged"):
        measure(toy, path, progress=never)


def test_damaged_study_is_not_extended(toy, path):
    measure(toy, path)
    flip(path, 8 * path.stat().st_size // 2)
    before = path.read_bytes()
    for vary in (VARY, {**VARY, "step_size": [0.015, 0.01, 0.005]}):
        with pytest.raises(FileFormatError, match=r"study\.h5 is damaged: .* It was not touched"):
            measure(toy, path, vary=vary, progress=never)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_what_is_no_study_is_refused(toy, path, content):
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="is not an HDF5 file"):
        measure(toy, path, progress=never)
    assert path.read_bytes() == content


def test_runs_and_studies_are_told_apart(toy, path):
    mcsgd.simulate(toy, START, SETTINGS, path)
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match="is a run, and not a study"):
        measure(toy, path, progress=never)
    assert isinstance(mcsgd.load(path), mcsgd.Run)
    assert path.read_bytes() == before
    path.unlink()
    measure(toy, path)
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match=r"is a study, and not a run\. It was not touched"):
        mcsgd.simulate(toy, START, SETTINGS, path)
    assert isinstance(mcsgd.load(path), mcsgd.Study)
    assert path.read_bytes() == before


def test_two_processes(toy, path):
    with locked(parts(path)), pytest.raises(BusyError, match=f"in use by process {os.getpid()}"):
        measure(toy, path, progress=never)


def test_the_time_is_over(toy, path, tmp_path):
    rules = StopRules(seconds=1e-9)
    with pytest.raises(IncompleteError, match="the time was over with 0 of 4 points done"):
        measure(toy, path, stop=rules)
    measure(toy, path)
    assert bytes_of(path) == at_once(toy, tmp_path)


def test_the_time_is_over_within_a_point(toy, path, tmp_path):
    """The trajectories that are done count, though there is no study yet."""
    settings, rules = replace(SETTINGS, trajectories=300_000), StopRules(seconds=3600)

    def late(done, total):
        object.__setattr__(rules, "began", rules.began - 3600)

    with pytest.raises(IncompleteError, match="the time was over with 0 of 4 points done"):
        measure(toy, path, settings, exact=False, workers=1, stop=rules, progress=late)
    (part,) = parts(path).glob("point-*.h5")
    assert 0 < mcsgd.load(part).cloud.count < 300_000
    measure(toy, path, settings, exact=False)
    assert bytes_of(path) == at_once(toy, tmp_path, settings, exact=False)


def test_an_executor(toy, path, tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        measure(toy, path, executor=executor)
    assert bytes_of(path) == at_once(toy, tmp_path)


def test_an_executor_is_given_all_points_at_once(toy, path):
    """Points may be too small to keep all its processes busy."""
    asked = []

    class Asked(ThreadPoolExecutor):
        def submit(self, function, job, target, *chunk):
            asked.append((job, target))
            return super().submit(function, job, target, *chunk)

    with Asked(1) as executor:
        measure(toy, path, vary={"step_size": [0.01, 0.005, 0.002]}, exact=False, executor=executor)
    assert len({job for job, _ in asked}) == 1
    assert len({target for _, target in asked}) == 3


@pytest.mark.usefixtures("small_leaves")
def test_interrupted_executor_goes_on(toy, path, tmp_path, monkeypatch):
    monkeypatch.setattr("mcsgd.engines.LEAST_WORK", 1.0)
    with ThreadPoolExecutor(1) as executor:
        text = interrupted(toy, path, 0.3, exact=False, executor=executor)
        assert "interrupted with 0 of 4 points done" in text
        assert not list(parts(path).glob("job-*"))
        assert list(parts(path).rglob("0*-*.h5"))
        measure(toy, path, exact=False, executor=executor)
    assert bytes_of(path) == at_once(toy, tmp_path, exact=False)


def test_a_failed_writing_keeps_the_points(toy, path, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mcsgd.storage.studies.write_tables", full)
        with pytest.raises(WriteError, match=r"could not be written: .*No space left"):
            measure(toy, path)
    assert not path.exists()
    assert len(list(parts(path).glob("*-*.h5"))) == 4
    measure(toy, path)
    assert bytes_of(path) == at_once(toy, tmp_path)


def test_warnings_are_kept_however_it_was_made(toy, path):
    """Also of points that were done before an interruption."""
    settings = replace(SETTINGS, step_size=0.05, sampling="with-replacement")
    options = {"settings": settings, "vary": {"step_size": [0.05, 0.01]}, "fields": ["sgd"], "exact": False}
    with pytest.warns(McsgdWarning) as caught:
        measure(toy, None, **options)
    texts = tuple(str(warning.message) for warning in caught)
    assert len(texts) == 2
    interrupted(toy, path, **options)
    with pytest.warns(McsgdWarning):
        measure(toy, path, **options)
    assert mcsgd.load(path).warnings == texts


def test_loading_imports_neither_numba_nor_the_simulation(toy, path):
    measure(toy, path)
    code = (
        "import sys, mcsgd; found = mcsgd.load(sys.argv[1]); print(found.ladders()); "
        "print(*{'numba', 'mcsgd.simulation', 'mcsgd.theory', 'mcsgd.exact'} & set(sys.modules))"
    )
    command = [sys.executable, "-W", "error", "-c", code, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_starts_and_texts_come_back(toy, path):
    starts = np.array([[1.2, 0.7], [0.5, -0.3]])
    vary = {"sampling": ["random-order", "with-replacement"]}
    found = mcsgd.study(toy, starts, replace(SETTINGS, design="independent"), vary, path=path)
    again = mcsgd.load(path)
    assert again.axes == found.axes
    assert [point.start.tolist() for point in again.points] == [[1.2, 0.7], [0.5, -0.3]] * 2
