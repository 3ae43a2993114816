import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from same import assert_same

from mcsgd.comparison import compare
from mcsgd.errors import DivergedError, InputError
from mcsgd.experiment import Experiment
from mcsgd.moments import BINS, Bins, EnsembleMoments, Moments, MomentsTree, Node
from mcsgd.plots import cloud_picture
from mcsgd.problems import Quadratic
from mcsgd.rows import Rows
from mcsgd.run import Run
from mcsgd.schemes import DESIGNS
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage import load
from mcsgd.theory import integrate
from mcsgd.verdict import judge

START = np.array([1.2, 0.7])


def rows_of(endpoints, first=0):
    """Trajectories with these endpoints, NaN where they diverged."""
    n, d = endpoints.shape
    status = np.isnan(endpoints[:, 0]).astype(np.uint8)
    return Rows(first, endpoints, status, np.empty((n, 0, d)), np.empty((0, 1, d)))


def node_of(rows, start, per_unit):
    return Node(rows.first, rows.stop, EnsembleMoments.of(rows, start, per_unit))


@pytest.mark.parametrize("cuts", [[], [0], [1], [3, 4], [10, 20, 100]])
def test_merged_parts_are_the_whole(cuts):
    rows = 1 + 1e-8 * np.random.default_rng(0).normal(size=(200, 3))  # a spread that cancellation would lose
    parts = np.split(rows, cuts)
    merged = Moments.of(parts[0])
    for part in parts[1:]:
        merged = merged.merged(Moments.of(part))
    exact = np.cov((rows.astype(np.longdouble) - 1).T)
    assert merged.count == 200
    np.testing.assert_allclose(merged.mean, rows.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(merged.covariance, exact.astype(float), rtol=1e-7)


@pytest.mark.parametrize("per_unit", [1, 2])
@pytest.mark.parametrize("cuts", [[0, 600], [0, 4, 40, 600], [0, 298, 300, 600]])
def test_bins_are_means_of_every_so_many_units(cuts, per_unit):
    rng = np.random.default_rng(0)
    rows = rows_of(3 + 1e-8 * rng.normal(size=(600, 2)))
    parts = [EnsembleMoments.of(rows.part(a, b), np.ones(2), per_unit, True).bins for a, b in pairwise(cuts)]
    found = parts[0]
    for part in parts[1:]:
        found = found.merged(part)
    units = rows.endpoints.reshape(-1, per_unit, 2).mean(axis=1) - 1
    assert found.count.tolist() == [len(units[i::BINS]) for i in range(BINS)]
    expected = [units[i::BINS].mean(axis=0) for i in range(BINS)]
    np.testing.assert_allclose(found.mean - 2, np.array(expected) - 2, atol=2e-15)


def test_bins_of_units_that_finished():
    endpoints = np.arange(300.0)[:, None]
    endpoints[[3, 130, 131, 259]] = np.nan
    bins = EnsembleMoments.of(rows_of(endpoints), np.zeros(1), 1, True).bins
    assert bins.count[[0, 2, 3, 43, 44]].tolist() == [3, 2, 0, 3, 2]
    assert bins.mean[[0, 2, 3, 44], 0].tolist() == [128.0, 130.0, 0.0, 108.0]
    none = Bins.of(np.empty((0, 1)), np.empty(0, np.int64))
    assert_same(bins.merged(none), bins)
    assert_same(none.merged(bins), bins)


def test_empty_and_single():
    empty, one = Moments.of(np.empty((0, 2))), Moments.of(np.ones((1, 2)))
    assert empty.merged(one).mean.tolist() == [1, 1]
    assert one.merged(empty).count == 1
    assert np.isnan(one.covariance).all()


def test_units_with_a_diverged_half_are_left_out():
    endpoints = np.array([[1.0], [3.0], [np.nan], [7.0], [5.0], [9.0]])
    moments = EnsembleMoments.of(rows_of(endpoints), np.ones(1), 2)
    assert moments.diverged == 1
    assert moments.left_out == 2
    assert moments.units.count == 2
    assert moments.units.mean == [(1 + 6) / 2]
    assert moments.singles.count == 4


# The tree ------------------------------------------------------------------------------------------

LEAF = 4


def trajectories(n, seed=0):
    """Endpoints of so many, a tenth of them diverged."""
    rng = np.random.default_rng(seed)
    endpoints = rng.normal(size=(n, 3)) @ np.diag([1, 1e5, 1e-5]) + [1, 0, 3]
    endpoints[rng.random(n) < 0.1] = np.nan
    return rows_of(endpoints)


def node(rows, first, stop, per_unit=1):
    """The node of one leaf, or of several, merged as a tree merges them."""
    leaves = range(first, stop, LEAF)
    nodes = [node_of(rows.part(i, min(i + LEAF, stop)), np.ones(3), per_unit) for i in leaves]
    return MomentsTree(LEAF, nodes).nodes


@pytest.mark.parametrize("per_unit", [1, 2])
@pytest.mark.parametrize("n", [2, 4, 8, 12, 64, 100, 122, 126])
def test_tree_does_not_depend_on_how_it_was_cut(n, per_unit):
    """Nodes of parts that were cut at leaves, given in any order; the last leaf may be partial."""
    rng, rows = np.random.default_rng(n), trajectories(n)
    whole = MomentsTree(LEAF, node(rows, 0, n, per_unit))
    assert whole.covers(n)
    assert len(whole.nodes) == (n // LEAF).bit_count() + (n % LEAF > 0)
    for _ in range(20):
        inner = rng.choice(np.arange(LEAF, n, LEAF), size=rng.integers(0, -(-n // LEAF)), replace=False)
        cuts = [0, *np.sort(inner).tolist(), n]
        nodes = [one for a, b in pairwise(cuts) for one in node(rows, a, b, per_unit)]
        shuffled = [nodes[i] for i in rng.permutation(len(nodes))]
        tree = MomentsTree(LEAF, shuffled)
        assert_same(tree.nodes, whole.nodes)
        assert_same(tree.total, whole.total)


def test_tree_of_nested_nodes():
    """What two parts have both, as a leaf and as part of a larger node, counts once."""
    rows = trajectories(46)
    whole = MomentsTree(LEAF, node(rows, 0, 46))
    again = [
        one for a, b in [(0, 16), (8, 12), (16, 46), (0, 4), (44, 46), (16, 24)] for one in node(rows, a, b)
    ]
    for nodes in (again, again[::-1]):
        assert_same(MomentsTree(LEAF, nodes).nodes, whole.nodes)


def test_tree_with_gaps():
    """Halves that do not meet are not merged, nor those that are not the halves of one block."""
    rows = trajectories(40)
    for spans in ([(0, 4), (8, 12)], [(4, 8), (8, 12)], [(8, 24), (24, 40)]):
        tree = MomentsTree(LEAF, [one for a, b in spans for one in node(rows, a, b)])
        assert not tree.covers(tree.nodes[-1].stop)
        bounds = [(one.first, one.stop) for one in tree.nodes]
        assert all(first % (stop - first) == 0 for first, stop in bounds)
    tree = MomentsTree(LEAF, [node_of(rows.part(0, 8), np.ones(3), 1)])
    assert (tree.covers(8), tree.covers(12), tree.covers(4)) == (True, False, False)


@pytest.mark.parametrize("part", [1, 2, 3])
def test_partial_last_leaf_is_not_merged(part):
    """It is counted again, and whole, when there are more trajectories."""
    rows = trajectories(12)
    tree = MomentsTree(LEAF, node(rows, 0, 8 + part))
    assert [(one.first, one.stop) for one in tree.nodes] == [(0, 8), (8, 8 + part)]
    more = MomentsTree(LEAF, [*tree.nodes, *node(rows, 8, 12)])
    assert_same(more.nodes, MomentsTree(LEAF, node(rows, 0, 12)).nodes)


def test_tree_against_the_whole():
    rows = trajectories(1000)
    finished, total = rows.endpoints[rows.status == 0], MomentsTree(LEAF, node(rows, 0, 1000)).total
    assert (total.units.count, total.left_out, total.diverged) == (
        len(finished),
        1000 - len(finished),
        1000 - len(finished),
    )
    np.testing.assert_allclose(total.units.mean, finished.mean(axis=0) - 1, rtol=1e-12)
    width = finished.std(axis=0)
    np.testing.assert_allclose(
        total.units.covariance / np.outer(width, width), np.corrcoef(finished.T) * 1000 / 999, atol=1e-3
    )


# Runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("design", DESIGNS)
def test_against_the_cloud(toy, design):
    settings = Settings(0.05, epochs=2, trajectories=504, design=design, paths=2)
    cloud = simulate(toy, START, settings)
    kept = simulate(toy, START, settings, keep_cloud=False, block_size=72)
    assert (cloud.kept, kept.kept) == (True, False)
    assert kept.endpoints.shape == (0, 2)
    assert kept.count == cloud.count == 504
    assert kept.unit_count == cloud.unit_count
    assert_same(kept.moments, cloud.moments)
    for name in ("mean", "standard_error", "covariance", "paths"):
        assert_same(getattr(kept, name), getattr(cloud, name), name)
    flow = integrate(toy, START, settings)
    assert compare(kept, flow).p_value == compare(cloud, flow).p_value


@pytest.mark.parametrize("design", ["reversed-pairs", "balanced"])
def test_bytes_do_not_depend_on_workers(toy, design):
    settings = Settings(0.05, trajectories=200_016, design=design)
    one, two, three = (simulate(toy, START, settings, workers=w, keep_cloud=False) for w in (1, 2, 3))
    for other in (two, three):
        assert_same(one.moments, other.moments)


@pytest.mark.parametrize("design", DESIGNS)
def test_file(toy, tmp_path, design):
    settings = Settings(0.05, trajectories=312, design=design)
    kept = simulate(toy, START, settings, path=tmp_path / "run.h5", keep_cloud=False)
    again = load(tmp_path / "run.h5").cloud
    assert_same(kept.moments, again.moments)
    assert again.fingerprint == simulate(toy, START, settings).fingerprint
    assert (tmp_path / "run.h5").stat().st_size < 60_000


def diverging(design):
    """Problem, and settings with which some units diverge and others do not.

    A trajectory diverges if it takes the first batch, which with replacement it need not. In a balanced set,
    every trajectory takes all: here it diverges where the four batches that expand come before the four that
    contract, of which some sets have an order and others have none.
    """
    if design == "balanced":
        hessians = [[[-1e16]]] * 4 + [[[2.0]]] * 4
        problem = Quadratic(hessians, [[0.0]] * 4 + [[1.0], [2.0], [3.0], [4.0]])
        return problem, Settings(0.5, trajectories=12 * 336, design=design)
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    return problem, Settings(0.5, 2, 240, sampling="with-replacement", design=design)


@pytest.mark.parametrize("design", [design for design in DESIGNS if design != "control-variate"])
@pytest.mark.parametrize("several", [False, True])
def test_bits_with_diverged_trajectories(design, several, monkeypatch):
    """Cloud and moments alone; in one leaf, and in several."""
    if several:
        leaf = 336 if design == "balanced" else 48
        monkeypatch.setattr("mcsgd.simulation.leaf_size", lambda *_: leaf)
    problem, settings = diverging(design)
    cloud, kept = (simulate(problem, [1.0], settings, keep_cloud=keep) for keep in (True, False))
    assert kept.diverged == cloud.diverged > 0
    assert_same(kept.moments, cloud.moments)
    finished, of_cloud = kept.finished(), cloud.finished()
    assert 0 < finished.count == len(of_cloud.endpoints) < kept.count
    for name in ("mean", "standard_error", "covariance"):
        assert_same(getattr(finished, name), getattr(of_cloud, name), name)


def test_divergence_is_counted():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    settings = Settings(0.5, epochs=2, trajectories=40, sampling="with-replacement")
    cloud, kept = (simulate(problem, [1.0], settings, keep_cloud=keep) for keep in (True, False))
    assert kept.diverged == cloud.diverged
    with pytest.raises(DivergedError, match=f"{cloud.diverged} of 40 trajectories diverged"):
        _ = kept.mean
    np.testing.assert_allclose(kept.finished().mean, cloud.finished().mean)
    assert kept.finished().left_out == cloud.diverged
    assert kept.finished().diverged == 0
    assert f"{cloud.diverged} of 40 trajectories are left out" in str(
        judge(kept.finished(), [integrate(problem, [1.0], settings, "gd")])
    )


def test_what_needs_the_cloud_is_refused(toy):
    settings = Settings(0.05, trajectories=10, design="reversed-pairs")
    with pytest.raises(InputError, match=r"snapshots: need the cloud, which is not kept; got \[1\]"):
        simulate(toy, START, replace(settings, snapshots=(1,)), keep_cloud=False)
    with pytest.raises(InputError, match="run: must have a cloud to draw"):
        cloud_picture(Run(simulate(toy, START, settings, keep_cloud=False)))


@pytest.mark.parametrize("size", [1, 23, 71])
def test_blocks_may_cut_units(toy, size):
    settings = Settings(0.05, trajectories=240, design="balanced")
    whole = simulate(toy, START, settings, keep_cloud=False)
    cut = simulate(toy, START, settings, keep_cloud=False, workers=2, block_size=size)
    assert_same(cut.moments, whole.moments)


@pytest.mark.parametrize(
    ("name", "options"),
    [("workers", {"keep_cloud": False}), ("block_size", {"block_size": 24, "path": "run.h5"})],
)
def test_blocks_or_leaves_larger_than_the_memory(toy, tmp_path, monkeypatch, name, options):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mcsgd.production.memory_bytes", lambda: 1000)
    settings = Settings(0.05, trajectories=48, design="balanced")
    with pytest.raises(
        InputError, match=rf"^{name}: need [\d.e-]*[1-9][\d.e-]* GiB at once; the memory is 9.31e-07 GiB"
    ):
        simulate(toy, START, settings, workers=1, **options)
    assert not list(tmp_path.iterdir())


def test_experiment_without_the_cloud(toy, tmp_path):
    tables = {
        "problem": {"kind": "scalar-factorization", "x": [1.0, 0.5], "y": [0.6, 1.0]},
        "start": {"value": [1.2, 0.7]},
        "sgd": {"step_size": 0.01},
        "ensemble": {"trajectories": 1000},
    }
    run = Experiment.from_tables(tables).run(tmp_path / "run.h5", keep_cloud=False)
    verdict = judge(load(tmp_path / "run.h5").cloud, run.flows.values())
    assert json.dumps(verdict.as_dict(), allow_nan=False)
    tables["ensemble"]["trajectories"] = 10**15
    with pytest.raises(InputError, match=r"ensemble\.trajectories: give 14901161 GiB"):
        Experiment.from_tables(tables).run()
