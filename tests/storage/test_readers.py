"""A run's file, opened by other programs: to the bit what `mcsgd.load` gives."""

import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from run_files import KINDS, contents

import mcsgd

README = Path(__file__).resolve().parents[2] / "README.md"
SCALES = {"trajectory", "parameter", "other_parameter", "epoch", "path_index", "step"}
DIMENSIONS = {
    "start": ("parameter",),
    "endpoints": ("trajectory", "parameter"),
    "corrected": ("trajectory", "parameter"),
    "status": ("trajectory",),
    "snapshots": ("trajectory", "epoch", "parameter"),
    "paths": ("path_index", "step", "parameter"),
    "time": ("time",),
    "path": ("time", "parameter"),
    "endpoint": ("parameter",),
    "mean": ("parameter",),
    "standard_error": ("parameter",),
    "covariance": ("parameter", "other_parameter"),
    "scatter": ("parameter", "other_parameter"),
    "count": (),
    "diverged": (),
    "left_out": (),
}
"""Of each dataset, by the last part of its name."""


def assert_same(found, expected, name):
    """Equal shape, and equal to the bit."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape, name
    assert found.dtype.newbyteorder("=") == expected.dtype, name
    assert found.tobytes() == expected.tobytes(), name


def datasets(path):
    """Names of the datasets of a file that are not the scale of a dimension."""
    names = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not item.is_scale:
            names.append(name)

    with h5py.File(path) as file:
        file.visititems(visit)
    return names


@pytest.mark.parametrize("kind", KINDS)
def test_these_files_hold_all_that_a_file_can(run_files, kind):
    """What the tests below are about."""
    run = mcsgd.load(run_files[kind])
    names = {name.split("/")[0] for name in contents(run)}
    rest = {
        "full": {"endpoints", "status", "corrected", "snapshots", "predicted"},
        "moments": {"moments", "predicted"},
        "diverged": {"endpoints", "status", "snapshots"},
    }
    assert names == {"start", "paths", "flows", "statistics"} | rest[kind]
    assert (run.cloud.diverged > 0) == (kind == "diverged")
    assert all(bool(flow.message) == (kind == "diverged") for flow in run.flows.values())
    assert run.cloud.settings.seed == (0 if kind == "diverged" else 2**63 - 1)
    with h5py.File(run_files["full"]) as file:
        assert all(file[name].fletcher32 for name in ("endpoints", "corrected", "snapshots"))


def test_h5py(run_file):
    """Every array, nothing but plain numbers and texts, and a scale for each dimension."""
    expected = contents(mcsgd.load(run_file))
    times = {name for name in expected if name.endswith("/time")}
    assert set(datasets(run_file)) == set(expected) - times
    with h5py.File(run_file) as file:
        for name, values in expected.items():
            assert_same(np.asarray(file[name]), values, name)
            assert all(len(dim) == 1 for dim in file[name].dims) or name in times, name
        assert {
            name for name in file if isinstance(file[name], h5py.Dataset) and file[name].is_scale
        } <= SCALES
        assert file.attrs["format_version"].dtype == np.int64
        run = mcsgd.load(run_file)
        assert json.loads(file.attrs["experiment"]) == run.experiment
        assert json.loads(file.attrs["provenance"]) == run.provenance


def test_xarray_by_group(run_file):
    """Group by group, as plain data sets."""
    expected = contents(mcsgd.load(run_file))
    groups = {name.rpartition("/")[0] for name in expected}
    for group in groups:
        with xarray.open_dataset(run_file, engine="h5netcdf", group=group or None) as opened:
            names = {name.rpartition("/")[2]: name for name in expected if name.rpartition("/")[0] == group}
            assert set(opened.variables) - SCALES == set(names)
            for short, name in names.items():
                assert opened[short].dims == DIMENSIONS[short], name
                assert_same(opened[short].values, expected[name], name)


def test_xarray_tree(run_file):
    """As one tree: its groups inherit the coordinates of its root, and a flow's path is not the root's."""
    run = mcsgd.load(run_file)
    expected = contents(run)
    with xarray.open_datatree(run_file, engine="h5netcdf") as tree:
        for name, values in expected.items():
            opened = tree[name]
            assert opened.dims == DIMENSIONS[name.rpartition("/")[2]], name
            assert set(opened.dims) <= set(opened.coords), name
            assert_same(opened.values, values, name)
        assert tree["start"].attrs == {"units": "1", "long_name": "parameters at the start"}
        assert tree["statistics/count"].attrs == {}
        assert json.loads(tree.attrs["experiment"]) == run.experiment
        assert tree.attrs["format_version"].tolist() == [1, 0]
        for field, flow in run.flows.items():
            assert tree[f"flows/{field}"].attrs == {"message": flow.message, "derivatives": flow.derivatives}
        if run.cloud.snapshots.size:
            assert tree["epoch"].values.tolist() == list(run.cloud.settings.snapshots)


@pytest.fixture
def h5dump():
    program = shutil.which("h5dump")
    if program is None:
        pytest.skip("h5dump is not installed (Debian: hdf5-tools)")

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout

    return run


def test_h5dump(h5dump, run_file, tmp_path):
    """All of the file can be printed, and every dataset written as raw bytes."""
    for name, values in contents(mcsgd.load(run_file)).items():
        values = np.asarray(values)
        h5dump("-d", f"/{name}", "-b", "LE", "-o", tmp_path / "raw", run_file)
        raw = np.fromfile(tmp_path / "raw", values.dtype.newbyteorder("<")).reshape(values.shape)
        assert_same(raw, values, name)
    whole = h5dump(run_file)
    assert '(0): "mcsgd"' in whole
    assert "unable" not in whole


R_READER = """
library(hdf5r)
options(warn = 2)
given <- commandArgs(trailingOnly = TRUE)
file <- H5File$new(given[1], mode = "r")
for (name in list.datasets(file)) {
  values <- file[[name]]$read(drop = FALSE)
  out <- file.path(given[2], gsub("/", "+", name, fixed = TRUE))
  writeBin(as.double(values), out, size = 8, endian = "little")
  writeLines(as.character(if (is.null(dim(values))) length(values) else dim(values)), paste0(out, ".dim"))
}
stopifnot(h5attr(file, "format") == "mcsgd", h5attr(file, "format_version") == c(1, 0))
for (name in c("experiment", "provenance")) {
  writeLines(h5attr(file, name), file.path(given[2], paste0(name, ".json")), useBytes = TRUE)
}
file$close_all()
"""


@pytest.fixture(scope="session")
def rscript(tmp_path_factory):
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("R is not installed (Debian: r-base-core, r-cran-hdf5r)")
    if subprocess.run([program, "-e", "library(hdf5r)"], capture_output=True).returncode:
        pytest.skip("R has no package hdf5r (Debian: r-cran-hdf5r)")

    def run(code, *arguments, folder=None):
        script = tmp_path_factory.mktemp("r") / "script.R"
        script.write_text(code)
        command = [program, script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stderr

    return run


def test_r(rscript, run_file, tmp_path):
    """Every array, its dimensions reversed, and the texts."""
    rscript(R_READER, run_file, tmp_path)
    run = mcsgd.load(run_file)
    for name, values in contents(run).items():
        values, out = np.asarray(values), tmp_path / name.replace("/", "+")
        raw = np.fromfile(out, "<f8").reshape(values.shape)
        assert_same(raw, values.astype(np.float64), name)
        lengths = out.with_name(out.name + ".dim").read_text().split()
        assert [int(n) for n in lengths] == (list(values.shape[::-1]) or [1]), name
    for name in ("experiment", "provenance"):
        assert json.loads((tmp_path / f"{name}.json").read_text()) == getattr(run, name)


def snippets(language):
    """Return the code of a language in the README's section about other programs."""
    _, _, section = README.read_text(encoding="utf-8").partition("## Reading the file elsewhere\n")
    section, _, _ = section.partition("\n## ")
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def quoted(run_files, tmp_path, monkeypatch):
    """What the snippets read from run.h5 in the current directory."""
    shutil.copy(run_files["full"], tmp_path / "run.h5")
    monkeypatch.chdir(tmp_path)
    cloud, flows = (run := mcsgd.load("run.h5")).cloud, run.flows
    return {
        "endpoints": cloud.endpoints,
        "mean": cloud.mean,
        "error": cloud.standard_error,
        "sgd": flows["sgd"].endpoint,
    }


def test_readme_python(quoted):
    assert len(snippets("python")) == 2
    for code in snippets("python"):
        names = {}
        exec(code, names)
        names.get("run", contextlib.nullcontext()).__exit__(None, None, None)
        for name, values in quoted.items():
            assert_same(np.asarray(names[name]), values, name)


def test_readme_r(rscript, quoted, tmp_path):
    (code,) = snippets("r")
    writes = [f'writeBin(as.double({name}), "{name}", size = 8, endian = "little")' for name in quoted]
    rscript("\n".join(["options(warn = 2)", code, *writes]), folder=tmp_path)
    for name, values in quoted.items():
        assert_same(np.fromfile(name, "<f8").reshape(values.shape), values, name)


def test_readme_marks_what_was_not_run():
    text = README.read_text(encoding="utf-8")
    for language in ("julia", "matlab"):
        assert len(snippets(language)) == 1
        before, _, _ = text.partition(f"```{language}\n")
        assert "(not run)" in before.splitlines()[-2]
