"""Studies made by the tasks of a job array have the same bytes, and what is missing is named."""

import contextlib
import itertools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from kept import bytes_of, flip

import mcsgd
from mcsgd import simulation
from mcsgd.errors import (
    BusyError,
    IncompleteError,
    InputError,
    McsgdWarning,
    OutputExistsError,
    WriteError,
)
from mcsgd.experiment import Experiment
from mcsgd.stopping import StopRules
from mcsgd.storage.lock import locked
from mcsgd.studies import job
from mcsgd.studies.keeping import Keeping

TABLES = {
    "problem": {"kind": "scalar-factorization", "x": [1.0, 0.5, 2.0, 1.5], "y": [0.6, 1.0, 0.2, 0.9]},
    "start": {"value": [1.2, 0.7]},
    "sgd": {"step_size": 0.01},
    "ensemble": {"trajectories": 2000, "design": "reversed-pairs", "seed": 3},
}
VARY = {"step_size": [0.01, 0.005], "epochs": [1, 6]}
"""Of one epoch the mean is exact."""


def experiment(vary=VARY, exact="auto", **ensemble):
    tables = {**TABLES, "ensemble": {**TABLES["ensemble"], **ensemble}}
    return Experiment.from_tables({**tables, "study": {"vary": vary, "exact": exact}})


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch):
    """Leaves of 64 trajectories, so that few trajectories have many."""
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.h5"


@pytest.fixture
def at_once(tmp_path):
    """Return the bytes of a study that one process has made."""

    def make(given):
        given.study(tmp_path / "plain" / "study.h5", workers=1)
        return bytes_of(tmp_path / "plain" / "study.h5")

    return make


@contextlib.contextmanager
def nothing_made():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mcsgd.production.Production.run", lambda self: pytest.fail("something is made"))
        patch.setattr("mcsgd.studies.job.exact_mean", lambda *_: pytest.fail("something is computed"))
        yield


def parts(path):
    return path.with_name("study.h5.parts")


@pytest.mark.parametrize("exact", ["auto", False])
@pytest.mark.parametrize("tasks", [1, 3, 40])
def test_the_bytes_do_not_depend_on_the_tasks(path, at_once, exact, tasks):
    given = experiment(exact=exact)
    expected = at_once(given)
    for k in reversed(range(tasks)):
        assert given.study_task(path, (k, tasks)) is None
        assert not path.exists()
    with nothing_made():
        found = given.study(path, tasks=tasks)
    assert found.shape == (2, 2)
    assert bytes_of(path) == expected
    assert not parts(path).exists()


def test_missing_tasks_are_named_and_nothing_is_computed(path, at_once):
    given = experiment()
    for k in (0, 3):
        given.study_task(path, (k, 5))
    with nothing_made(), pytest.raises(IncompleteError) as caught:
        given.study(path, tasks=5)
    assert str(caught.value).startswith("of 5 tasks, these are not done: 1, 2, 4. What is done is kept in")
    assert not path.exists()
    for k in (1, 4):
        given.study_task(path, (k, 5))
    with pytest.raises(IncompleteError, match="not done: 2"):
        given.study(path, tasks=5)
    given.study(path)
    assert bytes_of(path) == at_once(given)


def test_only_what_tasks_left_is_computed(path, monkeypatch):
    given, made = experiment(exact=False), []
    for k in (0, 2):
        given.study_task(path, (k, 3))
    run = mcsgd.production.Production.run

    def counting(self):
        made.append(sum(stop - first for first, stop in self.spans))
        return run(self)

    monkeypatch.setattr("mcsgd.production.Production.run", counting)
    given.study(path)
    assert 0.2 * 8000 < sum(made) < 0.5 * 8000


def test_without_any_task_all_are_named(path):
    with pytest.raises(IncompleteError, match="of 2 tasks, these are not done: 0, 1"):
        experiment().study(path, tasks=2)
    assert not path.exists()


def in_a_process(path, task, **changes):
    simulation.leaf_size = lambda problem, settings: 64
    experiment(**changes).study_task(path, task)


def test_all_at_once_on_a_study_that_is_extended(path, at_once):
    """Each finds trajectories in the study's file that it is to go on from, as all others do."""
    experiment(exact=False).study(path)
    vary = {"step_size": [0.015, 0.01, 0.005], "epochs": [1, 6]}
    more = experiment(vary, False, trajectories=5000)
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as executor:
        done = [
            executor.submit(in_a_process, path, (k, 4), vary=vary, exact=False, trajectories=5000)
            for k in range(4)
        ]
        assert [future.result() for future in done] == [None] * 4
    assert more.study(path, tasks=4).count.tolist() == [[5000, 5000]] * 3
    assert bytes_of(path) == at_once(more)
    assert not parts(path).exists()


def test_tasks_of_two_numbers_of_them(path, at_once):
    """What both have made is the same, and is taken once."""
    given = experiment(exact=False)
    for tasks in (3, 4):
        for k in range(2):
            given.study_task(path, (k, tasks))
    given.study(path)
    assert bytes_of(path) == at_once(given)


def test_nothing_to_do(path):
    experiment().study(path)
    before = path.read_bytes()
    with nothing_made():
        experiment().study_task(path, (1, 3))
        experiment().study(path, tasks=3)
    assert path.read_bytes() == before
    assert not parts(path).exists()


def test_one_process_for_a_task_and_none_beside_the_whole(path):
    given = experiment()
    with locked(parts(path), "1-of-3"):
        with pytest.raises(BusyError, match="in use by process"):
            given.study_task(path, (1, 3))
        with pytest.raises(BusyError, match="in use by process"):
            given.study(path)
        given.study_task(path, (0, 3))
    with locked(parts(path)), pytest.raises(BusyError, match="in use by process"):
        given.study_task(path, (2, 3))


def test_a_task_of_another_study_is_refused(path):
    experiment().study_task(path, (0, 2))
    words = r"step_size: \[0.01, 0.005\] there, \[0.01, 0.002\] here"
    with nothing_made(), pytest.raises(OutputExistsError, match=words):
        experiment({**VARY, "step_size": [0.01, 0.002]}).study_task(path, (1, 2))


def test_two_studies_that_begin_at_once(path, monkeypatch, at_once):
    """The second sees nothing of the first yet when it looks for the first time."""
    given, other, begin = experiment(), experiment({**VARY, "step_size": [0.01, 0.002]}), Keeping.begin

    def beaten(keeping):
        monkeypatch.setattr(Keeping, "begin", begin)
        given.study_task(path, (0, 2))
        return begin(keeping)

    monkeypatch.setattr(Keeping, "begin", beaten)
    with pytest.raises(OutputExistsError, match=r"step_size: \[0.01, 0.005\] there, \[0.01, 0.002\] here"):
        other.study_task(path, (1, 2))
    given.study_task(path, (1, 2))
    given.study(path, tasks=2)
    assert bytes_of(path) == at_once(given)


def test_a_study_where_a_run_was_begun_and_the_other_way_round(path):
    given = experiment(exact=False)
    given.run_task(path, (0, 2))
    with nothing_made(), pytest.raises(OutputExistsError, match=r"study\.h5\.parts is of a run; it was not"):
        given.study_task(path, (0, 2))
    assert given.run(path).cloud.count == 2000
    study = path.with_name("other.h5")
    given.study_task(study, (0, 2))
    for begin in (lambda: given.run_task(study, (0, 2)), lambda: given.run(study)):
        with (
            nothing_made(),
            pytest.raises(OutputExistsError, match=r"parts is of a study; it was not touched"),
        ):
            begin()


def test_a_task_goes_on(path, at_once, tmp_path):
    given = experiment(exact=False)
    with pytest.raises(
        IncompleteError, match=r"the time was over with 0 of \d+ pieces of points done, which"
    ):
        given.study_task(path, (0, 2), stop=StopRules(seconds=1e-9))

    def interrupt(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"interrupted with [1-9]\d* of \d+ pieces of points done"):
        given.study_task(path, (0, 2), workers=1, progress=interrupt)
    for k in range(2):
        given.study_task(path, (k, 2))
    given.study(path, tasks=2)
    assert bytes_of(path) == at_once(given)


def test_a_full_disk_is_said_though_the_time_is_over(path, monkeypatch):
    late = []

    def full(*_):
        late.append(True)
        raise WriteError("no space left")

    monkeypatch.setattr(StopRules, "out_of_time", property(lambda self: bool(late)))
    monkeypatch.setattr("mcsgd.studies.filling.run_to_file", full)
    with pytest.raises(WriteError, match="no space left"):
        experiment(exact=False).study_task(path, (0, 2))


@pytest.mark.parametrize("kind", ["exact-*.h5", "point-*.parts/*-*.h5"])
def test_the_task_of_a_damaged_part_is_named(path, at_once, kind):
    given = experiment()
    for k in range(3):
        given.study_task(path, (k, 3))
    part = next(parts(path).glob(kind))
    flip(part, 8 * part.stat().st_size // 2)
    with pytest.warns(McsgdWarning, match="set aside"), pytest.raises(IncompleteError) as caught:
        given.study(path, tasks=3)
    late = int(str(caught.value).split("not done: ")[1][0])
    given.study_task(path, (late, 3))
    given.study(path, tasks=3)
    assert bytes_of(path) == at_once(given)


def test_merge_says_what_puts_a_study_together(path):
    experiment().study_task(path, (0, 2))
    with pytest.raises(InputError, match="is of a study, which mcsgd study puts together"):
        mcsgd.merge(path)


@pytest.mark.parametrize(
    ("task", "words"),
    [((3, 3), "task: must be one of 0..2 of 3, got 3 of 3"), ((-1, 3), r"task\[0\]: must be >= 0, got -1")],
)
def test_wrong_tasks(path, task, words):
    with pytest.raises(InputError, match=words):
        experiment().study_task(path, task)
    with pytest.raises(InputError, match=r"tasks: must be >= 1, got 0"):
        experiment().study(path, tasks=0)
    with pytest.raises(InputError, match="tasks: need a path"):
        experiment().study(tasks=2)


def test_progress_of_a_task_is_that_of_its_own_work(path):
    seen = []
    experiment(exact=False).study_task(path, (0, 3), progress=lambda *report: seen.append(report))
    assert len({total for _, total in seen}) == 1
    assert all(one[0] <= other[0] for one, other in itertools.pairwise(seen))
    assert seen[-1][0] == seen[-1][1]


def test_flows_are_integrated_by_one_task(path, monkeypatch):
    """Also where tasks run at once, and see nothing of each other: here they find no flows."""
    given, fields = experiment(exact=False), []
    ends = job._ends

    def counting(point, name):
        fields.append((point.settings.step_size, point.settings.epochs, name))
        return ends(point, name)

    monkeypatch.setattr("mcsgd.studies.job._ends", counting)
    for k in (2, 0, 1):
        given.study_task(path, (k, 3))
        for head in parts(path).rglob("head.h5"):
            head.unlink()
    assert len(fields) == len(set(fields)) == 16
