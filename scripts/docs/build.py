"""Build the reference of all public names, from their docstrings.

    python scripts/docs/build.py [FOLDER]

Exits 1 if pdoc warns of anything.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pdoc
import pdoc.render

import mcsgd

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "build" / "docs"
Scalar = TypeVar("Scalar")


class ArrayLike:
    """Stands for numpy's union of that name."""

    __module__ = "numpy.typing"


class NDArray(Generic[Scalar]):
    """Stands for numpy's."""

    __module__ = "numpy.typing"


SHORT = {"Array": np.ndarray, "Integers": np.ndarray, "ArrayLike": ArrayLike, "NDArray": NDArray}
"""What stands in signatures for types that would be written out over lines."""


def build(folder: Path) -> None:
    """Write a page for the package, and one for each module that it names."""
    for name in mcsgd.__all__:
        getattr(mcsgd, name)  # imported, so that what stands for long types is seen everywhere
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "mcsgd"]:
        vars(module).update({name: stand_in for name, stand_in in SHORT.items() if name in vars(module)})
    pdoc.render.configure(
        docformat="numpy", template_directory=HERE, footer_text=f"mcsgd {mcsgd.__version__}"
    )
    pdoc.pdoc("mcsgd", output_directory=folder)


def main(arguments: list[Any]) -> None:
    """Build, and fail where pdoc warns."""
    folder = Path(arguments[0]) if arguments else FOLDER
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(folder)
    print(f"Written to {folder / 'index.html'}")


if __name__ == "__main__":
    main(sys.argv[1:])
