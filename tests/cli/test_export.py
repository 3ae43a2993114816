"""mcsgd export."""

import numpy as np
import pytest
import xarray
from run_files import write_run_file
from typer.testing import CliRunner

import mcsgd
from mcsgd.cli import app


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run_file("full", tmp_path_factory.mktemp("export"))


def export(*arguments, code=0):
    result = CliRunner().invoke(app, ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_export(run, tmp_path):
    arrays, netcdf = tmp_path / "run.npz", tmp_path / "run.nc"
    assert export(run, "-o", arrays).stdout == f"Written to {arrays}\n"
    export(run, "-o", netcdf)
    endpoints = mcsgd.load(run).cloud.endpoints
    with np.load(arrays) as held:
        np.testing.assert_array_equal(held["endpoints"], endpoints)
    posterior = xarray.load_dataset(netcdf, group="posterior", engine="h5netcdf")
    np.testing.assert_array_equal(posterior["endpoints"][0], endpoints)
    before = arrays.read_bytes()
    assert "run.npz exists; it was not touched" in export(run, "-o", arrays, code=2).stderr
    assert arrays.read_bytes() == before


def test_the_output_is_checked_before_the_run_is_read(tmp_path):
    """Both are wrong, and the run may be large."""
    nowhere = tmp_path / "none.h5"
    assert "output: must end in .npz or .nc" in export(nowhere, "-o", tmp_path / "a.csv", code=2).stderr
    assert "does not exist" in export(nowhere, "-o", tmp_path / "a.npz", code=2).stderr


def test_a_run_of_moments(tmp_path):
    path = write_run_file("moments", tmp_path)
    refused = export(path, "-o", tmp_path / "run.nc", code=2).stderr
    assert refused.startswith("error: run: must have a cloud to be written as .nc")
    export(path, "-o", tmp_path / "run.npz")
