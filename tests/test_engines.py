"""Executors are checked before any is made, and what their processes do ends with the run."""

import pickle
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
from kept import CONTROLLED, bytes_of, plain

from mcsgd import correction, engines
from mcsgd.engines import Work, executor_of, make_chunk, spread
from mcsgd.errors import InputError, McsgdError
from mcsgd.schemes import CORRECTED
from mcsgd.settings import Settings
from mcsgd.simulation import make_simulation, simulate
from mcsgd.stopping import StopRules
from mcsgd.storage.parts import Parts

START, SETTINGS = [1.2, 0.7], Settings(0.05, trajectories=5000)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"engine": "daks"}, "engine: must be one of local, dask, mpi; got 'daks', did you mean dask?"),
        ({"engine": "mpi", "scheduler": "tcp://x"}, "scheduler: belongs to engine dask, got engine mpi"),
        ({"engine": "dask", "workers": 0}, "workers: must be >= 1, got 0"),
        ({"engine": "mpi", "workers": 2}, "workers: belong to engines local and dask without a scheduler"),
        (
            {"engine": "dask", "scheduler": "tcp://x", "workers": 2},
            "workers: belong to engines local and dask without a scheduler, got 2",
        ),
    ],
    ids=str,
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(InputError) as caught, executor_of(**arguments):
        pass
    assert str(caught.value).startswith(words)


@pytest.fixture
def simulation(toy):
    return make_simulation(toy, START, SETTINGS, block_size=16)


def made(simulation, parts, executor, ending):
    """Yield the shards that an executor makes."""
    return (
        path for _, path in spread([Work(simulation, parts, [(0, 5000)])], parts.folder, executor, ending)
    )


def test_a_chunk_whose_job_is_gone_is_not_begun(tmp_path):
    assert make_chunk(str(tmp_path / "job.pickle"), str(tmp_path / "run.h5"), 0, 0, 5000) == []


def test_a_chunk_under_way_ends_with_its_blocks_and_keeps_them(tmp_path, simulation, monkeypatch):
    job, parts = tmp_path / "job.pickle", Parts(tmp_path / "run.h5")
    job.write_bytes(pickle.dumps([simulation]))
    run = engines.Production.run

    def ending(production):
        for stop in run(production):
            job.unlink(missing_ok=True)
            yield stop

    monkeypatch.setattr(engines.Production, "run", ending)
    (path,) = make_chunk(str(job), str(parts.target), 0, 0, 5000)
    ((first, stop),) = parts.spans.values()
    assert [path] == [str(file) for file in parts.spans]
    assert first == 0
    assert 16 <= stop < 5000


def test_a_process_remembers_which_blocks_take_a_good_time(tmp_path, simulation, monkeypatch):
    job, target, begun, ended = tmp_path / "job.pickle", tmp_path / "run.h5", [], []
    job.write_bytes(pickle.dumps([simulation, simulation]))

    class Told(engines.Production):
        def __init__(self, simulation, spans, workers, room, block, correction):
            begun.append(block)
            super().__init__(simulation, spans, workers, room, block, correction)

        def take(self):
            ended.append(self.block)
            return super().take()

    monkeypatch.setattr(engines, "Production", Told)
    for work, first in [(0, 0), (0, 1600), (1, 3200)]:
        make_chunk(str(job), str(target), work, first, first + 1600)
    assert begun == [None, ended[0], None]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("sampling", CORRECTED)
def test_a_control_variate_has_the_bytes_of_one_process(tmp_path, toy, keep, sampling, monkeypatch):
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)
    monkeypatch.setattr("mcsgd.engines.LEAST_WORK", 1.0)
    settings = replace(CONTROLLED, sampling=sampling, snapshots=(1,) if keep else ())
    path = tmp_path / "run.h5"
    with ThreadPoolExecutor(2) as executor:
        simulate(toy, START, settings, path, executor=executor, keep_cloud=keep)
    assert bytes_of(path) == plain(toy, tmp_path, settings, keep_cloud=keep)


def count_tables(monkeypatch):
    """Return a list that comes to hold the points of which tables were made."""
    made, make = [], correction.order_noise

    def counted(problem, settings, w, jacobian):
        made.append(w)
        return make(problem, settings, w, jacobian)

    monkeypatch.setattr(correction, "order_noise", counted)
    return made


def test_a_process_makes_the_tables_of_a_work_once(tmp_path, toy, monkeypatch):
    """Those of the last work are kept."""
    job, target, tables = tmp_path / "job.pickle", tmp_path / "run.h5", count_tables(monkeypatch)
    simulations = [make_simulation(toy, START, replace(CONTROLLED, seed=seed)) for seed in (0, 1)]
    job.write_bytes(pickle.dumps(simulations))
    for work, first, expected in [(0, 0, 2), (0, 1600, 2), (1, 0, 4), (1, 1600, 4), (0, 3200, 6)]:
        make_chunk(str(job), str(target), work, first, first + 1600)
        assert len(tables) == expected


def test_stages_share_the_tables(tmp_path, toy, monkeypatch):
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)
    tables, stages = count_tables(monkeypatch), []
    monkeypatch.setattr("mcsgd.filling.enough", lambda *_: stages.append(1))
    rules = StopRules(standard_error=1e-9)
    simulate(toy, START, CONTROLLED, tmp_path / "run.h5", stop=rules)
    assert len(stages) > 2
    assert len(tables) == CONTROLLED.epochs


@pytest.mark.parametrize("kept", ["cloud", "moments"])
def test_a_chunk_that_takes_too_long_is_made_in_parts(tmp_path, toy, kept, monkeypatch):
    """A user's code may be a thousand times slower than others of as many examples and parameters."""
    monkeypatch.setattr("mcsgd.engines.LONGEST", 0.0)
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)
    simulation = make_simulation(toy, START, SETTINGS, kept, block_size=16)
    parts, asked = Parts(tmp_path / "run.h5"), []

    class Asked(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            asked.append(arguments[3:])
            return super().submit(function, *arguments)

    with Asked(1) as executor:
        found = list(made(simulation, parts, executor, lambda: False))
    assert asked[0] == (0, 5000)
    assert len(found) == len(asked) > 50
    spans = sorted(parts.spans.values())
    assert [first for first, _ in spans] == [0, *(stop for _, stop in spans[:-1])]
    assert spans[-1][1] == 5000
    assert [stop % (64 if kept == "moments" else 16) for _, stop in spans[:-1]] == [0] * (len(spans) - 1)


@pytest.mark.parametrize("kept", ["cloud", "moments"])
def test_the_end_is_cut_finer_and_without_crumbs(toy, kept, monkeypatch):
    monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda problem, settings: 64)
    monkeypatch.setattr("mcsgd.engines.CHUNKS", 7)
    monkeypatch.setattr("mcsgd.engines.LEAST_WORK", 1.0)
    simulation = make_simulation(toy, START, Settings(0.05, trajectories=100_010), kept)
    step = simulation.origin.step
    spans = [(0, 60_000), (70_016, 110_026)]
    chunks = list(engines._chunks(simulation, spans))
    for first, stop in spans:
        inside = [chunk for chunk in chunks if first <= chunk[0] < stop]
        assert [a for a, _ in inside] == [first, *(b for _, b in inside[:-1])]
        assert inside[-1][1] == stop
    assert all(first % step == 0 for first, _ in chunks)
    sizes = [stop - first for first, stop in chunks]
    assert sizes[0] == 100_010 // 7 // step * step
    assert max(sizes[-4:]) <= 1.5 * sizes[0] / 16
    assert min(sizes) >= sizes[0] / 16 / 2 - step


@pytest.mark.parametrize("span", [(0, 1), (0, 700), (5, 9), (33, 4000)])
def test_few_trajectories_and_a_span_that_does_not_begin_with_a_block(simulation, span):
    chunks = list(engines._chunks(simulation, [span]))
    assert [a for a, _ in chunks] == [span[0], *(b for _, b in chunks[:-1])]
    assert chunks[-1][1] == span[1]
    assert all(first % simulation.origin.step == 0 for first, _ in chunks[1:])


def test_processes_on_another_file_system_are_an_error(tmp_path, simulation):
    class Elsewhere(ThreadPoolExecutor):
        def submit(self, function, job, *arguments):
            return super().submit(function, str(tmp_path / "elsewhere"), *arguments)

    with Elsewhere(1) as executor, pytest.raises(McsgdError, match=r"a process does not see .*job-"):
        list(made(simulation, Parts(tmp_path / "run.h5"), executor, lambda: False))


class Uncancellable(ThreadPoolExecutor):
    """As Dask's: to cancel a future is to lose what is done of it."""

    def submit(self, *arguments, **options):
        future = super().submit(*arguments, **options)
        future.cancel = lambda: pytest.fail("work under way was cancelled")
        return future


def test_work_under_way_is_not_cancelled(tmp_path, simulation, monkeypatch):
    monkeypatch.setattr("mcsgd.engines.LEAST_WORK", 1.0)
    parts = Parts(tmp_path / "run.h5")
    with Uncancellable(1) as executor:
        found = list(made(simulation, parts, executor, lambda: True))
    assert sorted(found) == list(parts.spans)
    assert not list(parts.folder.glob("job-*"))


def test_processes_that_do_not_answer_are_not_waited_for(tmp_path, simulation, monkeypatch):
    monkeypatch.setattr("mcsgd.engines.PATIENCE", 0.01)
    monkeypatch.setattr("mcsgd.engines.GRACE", 0.05)
    futures = []

    class Nobody(Executor):
        def submit(self, *arguments, **options):
            futures.append(Future())
            return futures[-1]

    parts = Parts(tmp_path / "run.h5")
    assert list(made(simulation, parts, Nobody(), lambda: True)) == []
    assert futures
    assert all(future.cancelled() for future in futures)
