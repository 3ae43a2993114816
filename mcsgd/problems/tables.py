"""Problems from text: the [problem] section of an experiment file, and data files."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np

from mcsgd.checks import Checks, arguments_of, given_defaults
from mcsgd.errors import InputError
from mcsgd.problems import PROBLEMS, Penalized
from mcsgd.problems.base import Problem

__all__ = ["make_problem", "read_data"]

CUSTOM = "custom"


def make_problem(table: Mapping[str, Any], folder: Path) -> tuple[Problem, dict[str, Any]]:
    """Make the problem that a [problem] section describes; return the section too, defaults filled in.

    `gradient_penalty` makes it `mcsgd.problems.Penalized`. `kind` is a key of `mcsgd.problems.PROBLEMS`;
    the other keys are that class's arguments. Arrays may stand in the section, or in the file that
    `data` names. Kind "custom" calls a function of the user's Python file `source`, named by `function`
    (default "problem"), with the other keys; it returns a Problem.

    Parameters
    ----------
    table : dict
    folder : path
        What `data` and `source` are relative to.

    Raises
    ------
    InputError
        With all that is wrong in the section, under names such as ``problem.batch_size``.
    """
    checks = Checks()
    arguments = dict(table)
    kind = checks.choice("problem.kind", arguments.pop("kind", None), [*PROBLEMS, CUSTOM])
    penalty = checks.number("problem.gradient_penalty", arguments.pop("gradient_penalty", 0.0), at_least=0)
    checks.done()
    make = _user_function(checks, arguments, folder) if kind == CUSTOM else PROBLEMS[kind]
    known = arguments_of(make)
    if "data" in arguments and "data" not in known:
        arguments |= _data(checks, arguments.pop("data"), folder, known, arguments)
    if not _takes_any_key(make):
        checks.known_keys("problem", arguments, [*known, "data"])
    if checks.passed("problem.data"):
        for name in known.keys() - given_defaults(known).keys() - arguments.keys():
            checks.fail(f"problem.{name}", f"is needed for kind {kind}")
    checks.done()
    try:
        problem = make(**arguments)
    except InputError as error:
        raise error.located({}, default="problem.") from None
    if not isinstance(problem, Problem):
        raise InputError([("problem.function", f"must return a mcsgd Problem, got {type(problem).__name__}")])
    if penalty:
        problem = Penalized(problem, penalty)
    return problem, {"kind": kind, **given_defaults(known), **table}


def read_data(path: Path) -> dict[str, Any]:
    """Read the arrays at the top of an HDF5 (.h5, .hdf5) or NumPy (.npz) file, by name.

    Raises
    ------
    InputError
        If there is no such file or it is neither.
    """
    try:
        if path.suffix == ".npz":
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                return dict(file)
        with h5py.File(path, "r") as file:
            return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    except FileNotFoundError:
        raise InputError(
            [("data", f"must be an HDF5 or .npz file, got {path}, which does not exist")]
        ) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:  # what damaged files raise
        raise InputError([("data", f"must be an HDF5 or .npz file, got {path}: {error}")]) from None


def _takes_any_key(make: Callable[..., Any]) -> bool:
    parameters = inspect.signature(make).parameters.values()
    return any(parameter.kind == inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def _data(
    checks: Checks, name: Any, folder: Path, known: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those arguments that stand in the data file."""
    if not isinstance(name, str):
        checks.fail("problem.data", f"must be a file's path, got {name!r}")
        return {}
    arrays = checks.attempt(lambda: read_data(folder / name), {"data": "problem.data"}) or {}
    for argument in arrays.keys() & given.keys():
        checks.fail(f"problem.{argument}", f"is given in the section and in {name}")
    found = {argument: array for argument, array in arrays.items() if argument in known}
    if arrays and not found:
        wanted = ", ".join(known)
        checks.fail("problem.data", f"must hold any of the arrays {wanted}; {name} has {', '.join(arrays)}")
    return found


def _user_function(checks: Checks, arguments: dict[str, Any], folder: Path) -> Callable[..., Any]:
    """Return the function that makes a custom problem; takes its keys out of `arguments`."""
    source, name = arguments.pop("source", None), arguments.pop("function", "problem")
    if not isinstance(source, str) or not (folder / source).is_file():
        checks.fail("problem.source", f"must be a Python file with a function {name}, got {source!r}")
    checks.done()
    spec = importlib.util.spec_from_file_location(Path(source).stem, folder / source)
    if spec is None or spec.loader is None:
        raise InputError([("problem.source", f"must be a Python file, got {source!r}")])
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder.absolute()))  # as if the file were run as a script
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder.absolute()))
    function = getattr(module, str(name), None)
    if not callable(function):
        raise InputError([("problem.function", f"must be a function of {source}, got {name!r}")])
    return cast(Callable[..., Any], function)
