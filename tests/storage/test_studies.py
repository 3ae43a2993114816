"""A study's file, opened by other programs, and looked at for damage."""

import json
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import xarray
from kept import flip

import mcsgd
from mcsgd.errors import FileFormatError
from mcsgd.settings import Settings
from mcsgd.storage.seal import seal
from mcsgd.storage.study_tables import study_arrays

VARY = {"step_size": [0.01, 0.005, 0.0025], "sampling": ["random-order", "with-replacement"]}
AXES = ("step_size", "sampling", "start_index")
FIELDS = ["gradient", "gd", "sgd", "second-order"]
DIMENSIONS = {
    "mean": (*AXES, "parameter"),
    "standard_error": (*AXES, "parameter"),
    "flow_endpoint": (*AXES, "field", "parameter"),
    "distance": (*AXES, "field"),
    "distance_standard_error": (*AXES, "field"),
    "count": AXES,
    "diverged": AXES,
    "exact": AXES,
    "flow_time": AXES,
    "range_number": AXES,
    "start": ("start_index", "parameter"),
    "orders/local_slope": ("rung_pair", *AXES[1:], "field"),
    "orders/local_slope_standard_error": ("rung_pair", *AXES[1:], "field"),
    "orders/order": (*AXES[1:], "field"),
    "orders/order_standard_error": (*AXES[1:], "field"),
    "orders/order_lower": (*AXES[1:], "field"),
    "orders/order_upper": (*AXES[1:], "field"),
}


@pytest.fixture(scope="module")
def written(toy, tmp_path_factory):
    """A study with texts on an axis, a field that not all points have, and means of both kinds."""
    path = tmp_path_factory.mktemp("study") / "study.h5"
    starts = [[1.2, 0.7], [0.5, -0.3]]
    settings = Settings(0.01, epochs=2, trajectories=300)
    return path, mcsgd.study(toy, starts, settings, VARY, fixed_time=True, path=path)


@pytest.fixture
def path(written, tmp_path):
    """A copy."""
    return shutil.copy(written[0], tmp_path / "study.h5")


def test_the_study_has_all_that_a_file_can_have(written):
    _, found = written
    assert (found.count == 0).any()
    assert (found.count == 300).any()
    assert np.isnan(found.distance).any()
    assert list(found.fields) == FIELDS


def test_h5py(written):
    """Plain numbers and texts of fixed length, with a scale for every dimension."""
    path, found = written

    def look(name, item):
        if isinstance(item, h5py.Dataset):
            assert item.dtype.kind in "ifS", name
            assert item.is_scale or all(len(dim) == 1 for dim in item.dims), name
            assert item.is_scale or item.attrs["units"] == "1", name
            assert item.attrs["long_name"], name
        for value in item.attrs.values():
            assert not isinstance(value, bool | np.bool_), name

    with h5py.File(path) as file:
        file.visititems(look)
        for name, (dimensions, values, _) in study_arrays(found).items():
            assert dimensions == DIMENSIONS[name]
            assert [dim[0].name.rpartition("/")[2] for dim in file[name].dims] == list(dimensions)
            assert file[name][()].tobytes() == values.tobytes(), name
        assert file["orders"].attrs["along"] == "step_size"
        assert json.loads(file.attrs["experiment"]) == found.experiment
        assert json.loads(file.attrs["provenance"]) == found.provenance
        assert file.attrs["format"] == "mcsgd study"


def test_orders_are_those_of_the_ladders(written):
    path, found = written
    with h5py.File(path) as file:
        for ladder in found.ladders():
            j, k = VARY["sampling"].index(ladder.where["sampling"]), ladder.where["start_index"]
            for one in ladder.fields:
                m = FIELDS.index(one.field)
                ends = [file[f"orders/order_{end}"][j, k, m] for end in ("lower", "upper")]
                np.testing.assert_equal(ends, list(one.order_interval))
                np.testing.assert_equal(file["orders/order"][j, k, m], one.order)
                np.testing.assert_equal(file["orders/local_slope"][:, j, k, m], one.slopes)


def test_xarray(written):
    """Coordinates by their names; texts are texts; the points are runs."""
    path, found = written
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        for name, dimensions in DIMENSIONS.items():
            assert tree[name].dims == dimensions, name
            assert set(dimensions) <= set(tree[name].coords), name
        assert tree["field"].values.tolist() == FIELDS
        assert tree["step_size"].values.tolist() == VARY["step_size"]
        chosen = tree["distance"].sel(sampling="with-replacement", start_index=1, field="gd")
        assert chosen.values.tolist() == found.distance[:, 1, 1, 1].tolist()
        assert len(tree["points"].children) == 12
        assert tree["points/0/start"].dims == ("parameter",)
    with xarray.open_dataset(path, engine="h5netcdf") as opened:
        assert opened["mean"].dims == DIMENSIONS["mean"]


def test_h5dump(written, tmp_path):
    program = shutil.which("h5dump")
    if program is None:
        pytest.skip("h5dump is not installed (Debian: hdf5-tools)")
    path, found = written
    command = [program, "-d", "/distance", "-b", "LE", "-o", tmp_path / "raw", path]
    subprocess.run(command, capture_output=True, check=True)
    raw = np.fromfile(tmp_path / "raw", "<f8").reshape(found.distance.shape)
    np.testing.assert_array_equal(raw, found.distance)


R_READER = """
library(hdf5r)
options(warn = 2)
given <- commandArgs(trailingOnly = TRUE)
file <- H5File$new(given[1], mode = "r")
for (name in list.datasets(file)) file[[name]]$read(drop = FALSE)
writeBin(as.double(file[["distance"]]$read(drop = FALSE)), file.path(given[2], "raw"), size = 8, endian = "little")
writeLines(file[["field"]]$read(), file.path(given[2], "field"))
"""


def test_r(written, tmp_path):
    program = shutil.which("Rscript")
    if program is None or subprocess.run([program, "-e", "library(hdf5r)"], capture_output=True).returncode:
        pytest.skip("R with hdf5r is not installed (Debian: r-base-core, r-cran-hdf5r)")
    path, found = written
    (tmp_path / "script.R").write_text(R_READER)
    command = [program, tmp_path / "script.R", path, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    raw = np.fromfile(tmp_path / "raw", "<f8").reshape(found.distance.shape)
    np.testing.assert_array_equal(raw, found.distance)
    assert (tmp_path / "field").read_text().split() == FIELDS


# Damage --------------------------------------------------------------------------------------------


def test_a_whole_study_is_verified(path):
    found = mcsgd.verify(path)
    assert found.passed, str(found)
    assert len(found.checks) == 4


def test_every_flipped_bit_is_found(path):
    content = path.read_bytes()
    size = 8 * len(content)
    named = 8 * (content.index(b"mcsgd study") + 2)
    for bit in [named, size - 4, size - 500, *np.random.default_rng(0).integers(0, size, 20)]:
        flip(path, int(bit))
        assert not mcsgd.verify(path).passed
        with pytest.raises(FileFormatError, match=r"study\.h5"):
            mcsgd.load(path)
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("distance", "tables against the points: distance differ"),
        ("orders/order", "tables against the points: orders/order differ"),
        ("points/7/statistics/mean", "points: point 7 differ"),
    ],
)
def test_tables_that_are_not_those_of_the_points(path, name, wrong):
    """With a right checksum, as if written by a program with a fault."""
    with h5py.File(path, "r+") as file:
        file[name][...] = file[name][...] + 1
    seal(path)
    assert wrong in str(mcsgd.verify(path))


@pytest.mark.parametrize("name", ["experiment", "provenance", "warnings", "format_version"])
def test_missing_attribute(path, name):
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
    seal(path)
    with pytest.raises(FileFormatError, match=r"study\.h5 is damaged"):
        mcsgd.load(path)


@pytest.mark.parametrize("name", ["field", "points/3", "points/0/exact/mean", "points/7/moments/bins/mean"])
def test_missing_dataset(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
    seal(path)
    with pytest.raises(FileFormatError, match=r"study\.h5 is damaged"):
        mcsgd.load(path)


def test_a_newer_version_is_refused(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = (2, 0)
    seal(path)
    with pytest.raises(FileFormatError, match=r"has format version 2\.0"):
        mcsgd.load(path)
