import json
import sys

import numpy as np
import pytest
import xarray
from run_files import contents

import mcsgd
from mcsgd.errors import InputError, MissingExtraError, OutputExistsError, WriteError
from mcsgd.storage.export import check_export, export_run


def plain(name):
    return name.replace("/", "_").replace("-", "_")


def expected_arrays(run):
    """All arrays and numbers, by their plain names."""
    cloud = run.cloud
    found = {plain(name): np.asarray(values) for name, values in contents(run).items()}
    if cloud.snapshots.size:
        found["epoch"] = np.array(cloud.settings.snapshots)
    for name in ("flow_time", "batches", "stream_version"):
        found[name] = np.asarray(getattr(cloud, name))
    return found


def check_texts(texts, run):
    assert json.loads(str(texts["experiment"])) == run.experiment
    assert json.loads(str(texts["provenance"])) == run.provenance
    assert str(texts["fingerprint"]) == run.cloud.fingerprint
    for field, flow in run.flows.items():
        assert str(texts[plain(f"flows_{field}_message")]) == flow.message
        assert str(texts[plain(f"flows_{field}_derivatives")]) == flow.derivatives


def assert_same(found, expected, name):
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), name
    assert found.tobytes() == expected.tobytes(), name


@pytest.fixture(params=["full", "diverged"])
def cloud_file(request, run_files):
    return run_files[request.param]


def test_npz(run_file, tmp_path):
    """All that the run's file holds, to the bit, without pickle."""
    run = mcsgd.load(run_file)
    export_run(run, tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as held:
        texts = {name for name in held if held[name].dtype.kind == "U"}
        expected = expected_arrays(run)
        assert set(held) - texts == set(expected)
        for name, values in expected.items():
            assert_same(held[name], values, name)
        check_texts(held, run)
        assert len(texts) == 3 + 2 * len(run.flows)


def opened(path, group):
    return xarray.load_dataset(path, engine="h5netcdf", group=group)


def test_netcdf(cloud_file, tmp_path):
    """The same in ArviZ's groups: endpoints as draws of one chain."""
    run = mcsgd.load(cloud_file)
    export_run(run, tmp_path / "run.nc")
    groups = {
        name: opened(tmp_path / "run.nc", name) for name in ("posterior", "sample_stats", "constant_data")
    }
    assert all(
        groups["posterior"][name].dims == ("chain", "draw", "parameter") for name in groups["posterior"]
    )
    assert groups["sample_stats"]["snapshots"].dims == ("chain", "draw", "epoch", "parameter")
    assert groups["sample_stats"]["diverging"].dims == ("chain", "draw")
    assert groups["sample_stats"]["diverging"].dtype == bool
    expected = expected_arrays(run)
    status = expected.pop("status")
    assert groups["sample_stats"]["diverging"].values.tolist() == [(status != 0).tolist()]
    held = {name: group[name] for group in groups.values() for name in group.variables}
    for name, values in expected.items():
        of_draws = held[name].dims[:2] == ("chain", "draw")
        assert of_draws == (name in ("endpoints", "corrected", "snapshots"))
        assert_same(held[name].values[0] if of_draws else held[name].values, values, name)
    indices = {"chain", "draw", "parameter", "other_parameter", "path_index", "step"}
    assert set(held) - set(expected) == indices | {"diverging"}
    assert all(held[name].values.tolist() == list(range(held[name].size)) for name in indices)
    check_texts(opened(tmp_path / "run.nc", "/").attrs, run)


def test_netcdf_of_flows(run_files, tmp_path):
    export_run(mcsgd.load(run_files["full"]), tmp_path / "run.nc")
    constant = opened(tmp_path / "run.nc", "constant_data")
    assert constant["flows_sgd_path"].dims == ("flows_sgd_time", "parameter")
    end = constant["flows_sgd_path"].interp(flows_sgd_time=constant["flow_time"])
    np.testing.assert_allclose(end, constant["flows_sgd_endpoint"], rtol=1e-14)
    assert constant["paths"].dims == ("path_index", "step", "parameter")
    assert constant["statistics_covariance"].dims == ("parameter", "other_parameter")


def test_netcdf_needs_the_cloud(run_files, tmp_path):
    with pytest.raises(InputError, match=r"^run: must have a cloud to be written as \.nc"):
        export_run(mcsgd.load(run_files["moments"]), tmp_path / "run.nc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".npz", ".nc", ".NPZ"])
def test_what_is_there_is_not_touched(run_files, tmp_path, suffix):
    path = tmp_path / f"run{suffix}"
    path.write_text("precious")
    with pytest.raises(OutputExistsError, match=r"^output: .* exists; it was not touched"):
        export_run(mcsgd.load(run_files["full"]), path)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["run.h5", "run", "run.nc4", "run.npz.gz"])
def test_other_endings(tmp_path, name):
    with pytest.raises(InputError, match=rf"^output: must end in \.npz or \.nc, got .*{name}"):
        check_export(tmp_path / name)


def test_too_large_for_the_disk(tmp_path):
    with pytest.raises(InputError, match=r"^output: must be where .* MiB are free"):
        check_export(tmp_path / "run.npz", size=2**62)


@pytest.mark.parametrize("package", ["xarray", "h5netcdf"])
def test_netcdf_is_an_extra(run_files, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mcsgd\[xarray\]'"):
        check_export(tmp_path / "run.nc")
    export_run(mcsgd.load(run_files["full"]), tmp_path / "run.npz")


@pytest.mark.parametrize(
    ("suffix", "writer"), [(".npz", "numpy.savez"), (".nc", "xarray.DataTree.to_netcdf")]
)
def test_failed_writing_leaves_nothing(run_files, tmp_path, monkeypatch, suffix, writer):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(writer, fail)
    with pytest.raises(WriteError, match="disk full"):
        export_run(mcsgd.load(run_files["full"]), tmp_path / f"run{suffix}")
    assert not list(tmp_path.iterdir())
