"""Make the data sets in data/ from the copies bundled with scikit-learn, or check those that are there.

Usage, with the dev extra installed (nothing is downloaded):

    python scripts/make_data.py            # writes data/*.h5, in place of what is there
    python scripts/make_data.py --check    # compares data/*.h5 with a fresh making; exits 1 if different

Each file holds /X (N, p) and /y (N,); its attributes say where they are from and what was done to them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

FOLDER = Path(__file__).resolve().parents[1] / "data"

CC_BY = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
ROWS = "Rows in the original order."


@dataclass(frozen=True)
class Data:
    """What a file holds.

    Parameters
    ----------
    X : (N, p) float64
    y : (N,) int64 labels or float64
    features : list of str
        Names of the columns of X.
    meanings : dict
        The long_name of X and of y.
    about : dict
        The root attributes title, source, licence, preprocessing.
    tolerance : float
        Relative and absolute, of `--check`: a mean's last bits depend on NumPy's order of summation.
        Integer labels cannot differ by so little, so they are always compared exactly.
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    features: list[str]
    meanings: dict[str, str]
    about: dict[str, str]
    tolerance: float

    def arrays(self) -> dict[str, tuple[NDArray[Any], dict[str, str]]]:
        """Return each dataset's values and attributes."""
        attributes = {name: {"long_name": text, "units": "1"} for name, text in self.meanings.items()}
        attributes["X"]["features"] = json.dumps(self.features)
        return {"X": (self.X, attributes["X"]), "y": (self.y, attributes["y"])}


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of mean 0 and standard deviation 1 over the rows (ddof 0)."""
    return (values - values.mean(axis=0)) / values.std(axis=0)


def breast_cancer() -> Data:
    """Two classes."""
    bunch = load_breast_cancer()
    return Data(
        X=standardised(bunch.data),
        y=bunch.target.astype(np.int64),
        features=[str(name) for name in bunch.feature_names],
        meanings={"X": "standardised features of cell nuclei", "y": "0 malignant, 1 benign"},
        about={
            "title": "Breast Cancer Wisconsin (Diagnostic)",
            "source": "W. H. Wolberg, W. N. Street, O. L. Mangasarian (1995), Breast Cancer Wisconsin "
            "(Diagnostic), UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B; "
            "as in scikit-learn's load_breast_cancer",
            "licence": CC_BY,
            "preprocessing": "Columns of X shifted and scaled to mean 0 and standard deviation 1 over "
            f"all rows (ddof 0); no column of ones. {ROWS}",
        },
        tolerance=1e-12,
    )


def digits() -> Data:
    """Ten classes."""
    bunch = load_digits()
    return Data(
        X=bunch.data / 16,
        y=bunch.target.astype(np.int64),
        features=[str(name) for name in bunch.feature_names],
        meanings={"X": "share of on pixels in each of 8 x 8 blocks, row by row", "y": "the digit"},
        about={
            "title": "Optical Recognition of Handwritten Digits, test set",
            "source": "E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, "
            "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49; "
            "the test set, as in scikit-learn's load_digits",
            "licence": CC_BY,
            "preprocessing": f"Pixels, integers 0 to 16, divided by 16; no column of ones. {ROWS}",
        },
        tolerance=0,
    )


def diabetes() -> Data:
    """A regression."""
    bunch = load_diabetes(scaled=False)
    return Data(
        X=standardised(bunch.data),
        y=standardised(bunch.target),
        features=[str(name) for name in bunch.feature_names],
        meanings={
            "X": "standardised baseline variables",
            "y": "standardised measure of disease progression one year after baseline",
        },
        about={
            "title": "Diabetes (least angle regression)",
            "source": "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani (2004), Least angle regression, "
            "Annals of Statistics 32(2), 407-499, https://doi.org/10.1214/009053604000000067; "
            "as in scikit-learn's load_diabetes(scaled=False)",
            "licence": "None stated in its description in scikit-learn, which redistributes it "
            "(BSD-3-Clause)",
            "preprocessing": "Columns of X, and y, shifted and scaled to mean 0 and standard deviation 1 "
            f"over all rows (ddof 0); no column of ones. {ROWS}",
        },
        tolerance=1e-12,
    )


FILES: dict[str, Callable[[], Data]] = {
    "breast_cancer.h5": breast_cancer,
    "digits.h5": digits,
    "diabetes.h5": diabetes,
}


def write(path: Path, data: Data) -> None:
    """Write the file, in place of what is there; the same data give the same bytes."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(data.about)
            for name, (values, attributes) in data.arrays().items():
                # One chunk: these arrays are read whole, and compress best so.
                dataset = file.create_dataset(
                    name, data=values, chunks=values.shape, compression="gzip", shuffle=True
                )
                dataset.attrs.update(attributes)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def difference(path: Path, data: Data) -> str:
    """Return what is different in the file, in words; empty if nothing is."""
    if not path.exists():
        return "does not exist"
    try:
        with h5py.File(path, "r") as file:
            if dict(file.attrs) != data.about:
                return "other attributes"
            if set(file) != {"X", "y"}:
                return f"holds {', '.join(file) or 'nothing'} instead of X, y"
            for name, (values, attributes) in data.arrays().items():
                stored = file[name][()]
                if (stored.dtype, stored.shape) != (values.dtype, values.shape):
                    return f"{name} is {stored.dtype} {stored.shape}, not {values.dtype} {values.shape}"
                if not np.allclose(stored, values, rtol=data.tolerance, atol=data.tolerance):
                    return f"{name} differs by up to {np.abs(stored - values).max():.3g}"
                if dict(file[name].attrs) != attributes:
                    return f"{name} has other attributes"
    except OSError as error:
        return f"cannot be read: {error}"
    return ""


def main() -> None:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description="Make the data sets in data/ from scikit-learn's copies.")
    parser.add_argument("--check", action="store_true", help="compare the files with a fresh making")
    check = parser.parse_args().check
    different = []
    for name, make in FILES.items():
        path, data = FOLDER / name, make()
        size = f"{data.X.shape[0]} x {data.X.shape[1]}"
        if not check:
            write(path, data)
            print(f"data/{name}: written, {size}, {path.stat().st_size} bytes")
        elif found := difference(path, data):
            different.append(f"data/{name}: {found}")
        else:
            print(f"data/{name}: as made anew, {size}")
    if different:
        sys.exit("\n".join(different))


if __name__ == "__main__":
    main()
