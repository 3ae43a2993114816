import json
import subprocess
import sys
from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

from mcsgd.correction import control_variate
from mcsgd.errors import FileFormatError, InputError
from mcsgd.problems import Quadratic
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage import load
from mcsgd.storage.write import write_run
from mcsgd.theory import integrate

START = [1.2, 0.7]
FULL = Settings(0.05, 3, 6, 2**63 - 1, design="reversed-pairs", snapshots=(1, 3), paths=2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def cloud(toy, path):
    """A small run with all that a file can hold of a cloud, written to `path`."""
    return simulate(toy, START, FULL, path)


@pytest.fixture
def diverging():
    """With step size 5e4, trajectories that draw the steep batch overflow."""
    return Quadratic([[[-1e308]], [[1e-5]], [[1e-5]]], [[0.0], [1.0], [2.0]])


def assert_same(found, expected):
    """Equal in every field of the dataclass, arrays to the bit."""
    for field in fields(expected):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(b, np.ndarray):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), field.name
        else:
            assert a == b, field.name


@pytest.mark.parametrize(
    "settings",
    [
        FULL,
        Settings(0.05, trajectories=5000, snapshots=(1,)),
        Settings(0.05, trajectories=1, sampling="given-order", order=(2, 0, 3, 1), paths=1),
        Settings(0.05, 2, trajectories=3, sampling="full-batch", paths=2),
        Settings(0.05, 2, trajectories=48, design="balanced"),
        Settings(0.05, 2, trajectories=20, design="control-variate"),
    ],
    ids=["small", "large", "given-order", "full-batch", "balanced", "control-variate"],
)
def test_cloud_round_trip(toy, path, settings):
    cloud = simulate(toy, START, settings, path)
    run = load(path)
    assert_same(run.cloud, cloud)
    assert run.experiment == {"problem": toy.describe(), **settings.as_tables()}
    assert run.flows == {}
    assert run.predicted_covariance is None


def test_writing_does_not_change_the_cloud(toy, cloud):
    assert_same(simulate(toy, START, FULL), cloud)


def test_flows_round_trip(toy, path):
    cloud = simulate(toy, START, FULL)
    flows = {field: integrate(toy, START, FULL, field) for field in ("gradient", "gd", "sgd")}
    flows["gd"] = replace(
        flows["gd"], message="too stiff", endpoint=np.full(2, np.nan), derivatives="complex step"
    )
    experiment = {"start": {"values": START}, **FULL.as_tables()}
    write_run(path, Run(cloud, flows, experiment, {"software": {}}, np.array([[2.0, 0.1], [0.1, 1.0]])))
    run = load(path)
    assert_same(run.cloud, cloud)
    assert list(run.flows) == list(flows)
    for field, flow in flows.items():
        assert_same(run.flows[field], flow)
    assert run.experiment == experiment
    assert run.provenance == {"software": {}}
    assert run.predicted_covariance.tolist() == [[2.0, 0.1], [0.1, 1.0]]


def test_diverged_cloud_round_trip(diverging, path):
    settings = Settings(5e4, 2, 40, sampling="with-replacement", snapshots=(1, 2), paths=5)
    cloud = simulate(diverging, [1.0], settings, path)
    assert 0 < cloud.diverged < 40
    assert_same(load(path).cloud, cloud)
    with h5py.File(path) as file:
        statistics = file["statistics"]
        assert set(statistics) == {"count", "diverged", "conditional_on_finishing"}
        assert (statistics["count"][()], statistics["diverged"][()]) == (40, cloud.diverged)
        conditional = statistics["conditional_on_finishing"]
        assert conditional["count"][()] == 40 - cloud.diverged
        for name in ("mean", "standard_error", "covariance"):
            np.testing.assert_array_equal(conditional[name], getattr(cloud.finished(), name))


def test_cloud_that_diverged_altogether(path):
    settings = Settings(0.5, 3, 4)
    cloud = simulate(Quadratic([[[-1e160]]], [[0.0]]), [1.0], settings, path)
    assert_same(load(path).cloud, cloud)
    with h5py.File(path) as file:
        assert set(file["statistics"]) == {"count", "diverged", "conditional_on_finishing"}
        assert list(file["statistics/conditional_on_finishing"]) == ["count"]


def test_statistics_are_those_of_the_cloud(cloud, path):
    with h5py.File(path) as file:
        statistics = file["statistics"]
        assert (statistics["count"][()], statistics["diverged"][()]) == (6, 0)
        assert "pair" in statistics["standard_error"].attrs["long_name"]
        for name in ("mean", "standard_error", "covariance"):
            np.testing.assert_array_equal(statistics[name], getattr(cloud, name))


@pytest.mark.parametrize(
    ("dataset", "dimensions"),
    [
        ("start", ["parameter"]),
        ("endpoints", ["trajectory", "parameter"]),
        ("status", ["trajectory"]),
        ("snapshots", ["trajectory", "epoch", "parameter"]),
        ("paths", ["path_index", "step", "parameter"]),
        ("statistics/mean", ["parameter"]),
        ("statistics/covariance", ["parameter", "other_parameter"]),
        ("flows/sgd/path", ["flows/sgd/time", "parameter"]),
        ("flows/sgd/endpoint", ["parameter"]),
        ("predicted/covariance", ["parameter", "other_parameter"]),
    ],
)
def test_dimension_scales(toy, path, dataset, dimensions):
    cloud = simulate(toy, START, FULL)
    flows = {"sgd": integrate(toy, START, FULL)}
    write_run(path, Run(cloud, flows, FULL.as_tables(), predicted_covariance=np.eye(2)))
    with h5py.File(path) as file:
        dims = file[dataset].dims
        assert [dim[0].name for dim in dims] == [f"/{name}" for name in dimensions]
        assert [dim.keys() for dim in dims] == [[name.split("/")[-1]] for name in dimensions]
        for dim, length in zip(dims, file[dataset].shape, strict=True):
            assert dim[0].is_scale
            assert dim[0].shape == (length,)
        np.testing.assert_array_equal(file["epoch"], FULL.snapshots)


def test_attributes_are_plain(toy, cloud, path):
    with h5py.File(path) as file:
        assert file.attrs["format"] == "mcsgd"
        assert file.attrs["format_version"].tolist() == [1, 0]
        assert file.attrs["fingerprint"] == cloud.fingerprint
        assert Settings.from_tables(json.loads(file.attrs["experiment"])) == FULL


def test_large_datasets_have_checksums(toy, path):
    cloud = simulate(toy, START, Settings(0.05, trajectories=5000), path)
    raw = path.read_bytes()
    with h5py.File(path) as file:
        assert file["endpoints"].fletcher32
        assert not file["start"].fletcher32
    position = raw.index(cloud.endpoints[2500:2600].tobytes())
    path.write_bytes(raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :])
    with pytest.raises(FileFormatError, match=r"run\.h5 is damaged"):
        load(path)


@pytest.mark.parametrize("version", [(1, 99), (2, 0)])
def test_newer_versions(cloud, path, version):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = version
    if version[0] == 1:
        assert_same(load(path).cloud, cloud)
    else:
        with pytest.raises(FileFormatError, match=r"run\.h5 has format version 2\.0, .*update mcsgd"):
            load(path)


def test_not_hdf5(path):
    path.write_text("no HDF5")
    with pytest.raises(FileFormatError, match=r"run\.h5 is not an HDF5 file"):
        load(path)


@pytest.mark.parametrize("mark", [None, "other", 1, [1, 2]])
def test_hdf5_of_another_kind(path, mark):
    with h5py.File(path, "w") as file:
        file["endpoints"] = np.zeros((3, 2))
        if mark is not None:
            file.attrs["format"] = mark
    with pytest.raises(FileFormatError, match=r"run\.h5 is an HDF5 file, but not a run of mcsgd"):
        load(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
@pytest.mark.usefixtures("cloud")
def test_truncated(path, part):
    raw = path.read_bytes()
    path.write_bytes(raw[: int(part * len(raw))])
    with pytest.raises(FileFormatError, match=r"run\.h5 "):
        load(path)


@pytest.mark.parametrize("dataset", ["start", "endpoints", "status", "snapshots", "paths"])
@pytest.mark.usefixtures("cloud")
def test_missing_dataset(path, dataset):
    with h5py.File(path, "r+") as file:
        del file[dataset]
    with pytest.raises(FileFormatError, match=r"run\.h5 is damaged"):
        load(path)


@pytest.mark.parametrize(
    "attribute",
    ["format_version", "stream_version", "fingerprint", "flow_time", "batches", "experiment", "provenance"],
)
@pytest.mark.usefixtures("cloud")
def test_missing_attribute(path, attribute):
    with h5py.File(path, "r+") as file:
        del file.attrs[attribute]
    with pytest.raises(FileFormatError, match=r"run\.h5 is damaged"):
        load(path)


@pytest.mark.parametrize(
    ("dataset", "shape"),
    [
        ("endpoints", (5, 2)),
        ("status", (5,)),
        ("start", (3,)),
        ("snapshots", (6, 1, 2)),
        ("paths", (2, 12, 2)),
        ("predicted/covariance", (2, 3)),
    ],
)
@pytest.mark.usefixtures("cloud")
def test_shapes_that_do_not_fit(path, dataset, shape):
    with h5py.File(path, "r+") as file:
        file.pop(dataset, None)
        file[dataset] = np.zeros(shape)
    with pytest.raises(FileFormatError, match=r"run\.h5 is damaged"):
        load(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sgd": {}, "ensemble": {}}'])
@pytest.mark.usefixtures("cloud")
def test_experiment_that_cannot_be_read(path, text):
    with h5py.File(path, "r+") as file:
        file.attrs["experiment"] = text
    with pytest.raises(FileFormatError, match=r"run\.h5 is damaged"):
        load(path)


def test_missing_file(tmp_path):
    for path in (tmp_path / "nowhere.h5", tmp_path):
        with pytest.raises(InputError, match=r"^path: must be a run's HDF5 file"):
            load(path)


def test_home_path_is_read_where_it_was_written(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    cloud = simulate(toy, START, Settings(0.05, trajectories=2), "~/run.h5")
    assert_same(load("~/run.h5").cloud, cloud)


@pytest.mark.usefixtures("cloud")
def test_loading_imports_neither_numba_nor_scipy(path):
    code = (
        "import sys, mcsgd; run = mcsgd.load(sys.argv[1]); run.cloud.mean, run.cloud.standard_error; "
        "print(*{'numba', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-W", "error", "-c", code, path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "\n"


def test_a_cloud_with_trajectories_left_out_is_not_a_run(toy, tmp_path):
    cloud = replace(simulate(toy, [1.0, 2.0], Settings(0.1, trajectories=4)), left_out=1)
    with pytest.raises(InputError, match="cloud: must be whole, got one with 1 trajectories left out"):
        write_run(tmp_path / "run.h5", Run(cloud))


def test_corrected_afterwards(toy, path):
    """Also reversed pairs of reshuffled examples can be corrected, but that is no design."""
    settings = Settings(0.05, trajectories=6, sampling="reshuffle-examples", design="reversed-pairs")
    cloud = control_variate(toy, simulate(toy, START, settings))
    write_run(path, Run(cloud, experiment=settings.as_tables()))
    assert_same(load(path).cloud, cloud)


def test_corrected_endpoints_in_the_file(toy, path):
    cloud = simulate(toy, START, Settings(0.05, trajectories=20, design="control-variate"), path)
    with h5py.File(path, "r+") as file:
        np.testing.assert_array_equal(file["corrected"], cloud.corrected)
        assert [dim.keys() for dim in file["corrected"].dims] == [["trajectory"], ["parameter"]]
        statistics = file["statistics"]
        assert statistics["mean"].attrs["long_name"] == "mean of the corrected endpoints"
        assert statistics["standard_error"][()] == pytest.approx(
            cloud.corrected.std(axis=0, ddof=1) / np.sqrt(20)
        )
        np.testing.assert_allclose(statistics["covariance"], np.cov(cloud.endpoints.T), rtol=1e-12)
        del file["corrected"]
        file["corrected"] = np.zeros((19, 2))
    with pytest.raises(FileFormatError, match="shapes do not fit"):
        load(path)
    with h5py.File(path, "r+") as file:
        del file["corrected"]
    with pytest.raises(FileFormatError, match=r"run\.h5 is damaged"):
        load(path)
