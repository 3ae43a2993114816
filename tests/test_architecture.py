"""Arrows go one way: kernels know nothing of the rest, and analysis never loads the simulation."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from run_files import write_run_file

from mcsgd.experiment import Experiment

PACKAGE = Path(__file__).resolve().parents[1] / "mcsgd"
SIMULATION = {
    "numba",
    "mcsgd.simulation",
    "mcsgd.problems",
    "mcsgd.theory",
    "mcsgd.exact",
    "mcsgd.kernels",
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def loaded_by(code):
    """Names of the modules that a fresh interpreter has after running some code."""
    code += "\nimport sys\nprint(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


@pytest.mark.parametrize("path", sorted((PACKAGE / "kernels").glob("*.py")), ids=lambda path: path.stem)
def test_kernels_import_numba_and_numpy_only(path):
    standard = (
        "__future__",
        "collections.abc",
        "contextlib",
        "functools",
        "hashlib",
        "math",
        "operator",
        "pathlib",
        "typing",
    )
    allowed = (*standard, "numba", "llvmlite", "numpy", "mcsgd.kernels")  # llvmlite is numba's own layer
    for name in imported(path):
        assert name.startswith(allowed), f"{path.name} imports {name}"


def test_library_does_not_import_the_command_line():
    for path in PACKAGE.rglob("*.py"):
        if "cli" not in path.parts and path.name != "__main__.py":
            assert not any(name.startswith(("mcsgd.cli", "typer")) for name in imported(path)), path


def test_analysis_loads_no_simulation():
    analysis = "import mcsgd.plots, mcsgd.projection, mcsgd.storage.read, mcsgd.storage.write, mcsgd.verdict"
    analysis += ", mcsgd.covariance_comparison, mcsgd.epochs, mcsgd.reports, mcsgd.storage.studies"
    assert not loaded_by(analysis) & SIMULATION


@pytest.mark.parametrize(
    "command",
    [["compare"], ["info", "--toml"], ["plot", "--kind", "path", "--force"], ["report", "--force"]],
    ids=" ".join,
)
def test_looking_at_a_file_loads_no_simulation(command, tmp_path):
    name, *options = command
    arguments = [name, str(write_run_file("full", tmp_path)), *options]
    code = f"from mcsgd.cli import app\nassert app({arguments!r}, standalone_mode=False) is None"
    loaded = loaded_by(code)
    assert "mcsgd.storage.read" in loaded
    assert not loaded & SIMULATION


@pytest.mark.parametrize(
    "command", [["compare"], ["info", "--toml"], ["plot", "--kind", "order"], ["report"]], ids=" ".join
)
def test_looking_at_a_study_loads_no_simulation(command, tmp_path):
    name, *options = command
    path, tables = tmp_path / "study.h5", {"start": {"value": [1.2, 0.7]}, "sgd": {"step_size": 0.01}}
    tables["problem"] = {"kind": "scalar-factorization", "x": [1.0, 0.5], "y": [0.6, 1.0]}
    Experiment.from_tables({**tables, "study": {"vary": {"step_size": [0.01, 0.005]}}}).study(path)
    code = f"from mcsgd.cli import app\nassert app({[name, str(path), *options]!r}, standalone_mode=False) is None"
    loaded = loaded_by(code)
    assert "mcsgd.storage.studies" in loaded
    assert not loaded & SIMULATION


def test_packages_that_the_documentation_names_need_no_import_of_their_own():
    loaded_by("import mcsgd; mcsgd.problems.PROBLEMS; mcsgd.theory.FIELDS")


@pytest.mark.parametrize("code", ["import mcsgd", "import mcsgd.cli"])
def test_import_is_light(code):
    assert not loaded_by(code) & {"numba", "scipy", "numpy", "h5py", "matplotlib"}


def test_exact_answers_have_no_jitted_code_of_their_own():
    for path in (PACKAGE / "exact").glob("*.py"):
        assert "@jit" not in path.read_text(encoding="utf-8"), path


def test_functions_of_the_exact_package_do_not_hide_its_modules():
    import mcsgd.exact

    modules = {path.stem for path in (PACKAGE / "exact").iterdir()}
    assert not modules & set(mcsgd.exact.__all__)


def test_public_names_exist_and_are_documented():
    import mcsgd

    modules = {path.stem for path in PACKAGE.iterdir()}
    for name in mcsgd.__all__:
        value = getattr(mcsgd, name)
        assert value.__doc__, name
        assert inspect.ismodule(value) or name not in modules, f"importing mcsgd.{name} would hide {value}"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mcsgd.nonsense
