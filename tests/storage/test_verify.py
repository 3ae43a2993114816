"""What is verified is read to the last byte, and statistics are computed again."""

import h5py
import numpy as np
import pytest
from kept import flip
from typer.testing import CliRunner

from mcsgd.cli import app
from mcsgd.errors import FileFormatError, InputError
from mcsgd.storage.seal import LENGTH, seal
from mcsgd.storage.verify import verify


@pytest.fixture
def copy(run_file, tmp_path):
    path = tmp_path / run_file.name
    path.write_bytes(run_file.read_bytes())
    return path


def test_whole_files(run_file):
    found = verify(run_file)
    assert found.passed
    assert str(found).endswith(" is whole")
    assert {what for what, _ in found.checks} >= {"checksum of the file", "statistics against the moments"}


def test_every_flipped_bit_is_found(copy):
    size = 8 * copy.stat().st_size
    for bit in [100, 3000, *np.random.default_rng(1).integers(0, size, 30), size - 4]:
        flip(copy, bit)
        assert not verify(copy).passed, bit
        flip(copy, bit)
    assert verify(copy).passed


@pytest.mark.parametrize("part", [0, 1, 0.5, 0.999])
def test_cut_files_are_damaged(copy, part):
    content = copy.read_bytes()
    copy.write_bytes(content[: int(part) if part == 1 else int(part * len(content))])
    assert not verify(copy).passed


STATISTICS, MOMENTS = "statistics against the moments", "moments against the trajectories"
CHANGES = [
    ("full", "statistics/mean", STATISTICS, lambda x: x + 1e-15),
    ("full", "statistics/covariance", STATISTICS, lambda x: x * (1 + 1e-15)),
    ("full", "endpoints", MOMENTS, lambda x: x + 1e-14),
    ("full", "corrected", MOMENTS, lambda x: x + 1e-14),
    ("full", "moments/singles/scatter", MOMENTS, lambda x: x * (1 + 1e-15)),
    ("full", "status", "trajectories and their status", lambda x: 1 - x),
    ("moments", "moments/units/mean", STATISTICS, lambda x: x + 1e-15),
    ("diverged", "statistics/conditional_on_finishing/mean", STATISTICS, lambda x: x + 1e-15),
]


@pytest.mark.parametrize(
    ("kind", "dataset", "what", "change"), CHANGES, ids=[change[1] for change in CHANGES]
)
def test_wrong_numbers_under_a_right_checksum(run_files, tmp_path, kind, dataset, what, change):
    path = tmp_path / "run.h5"
    path.write_bytes(run_files[kind].read_bytes()[:-LENGTH])
    with h5py.File(path, "r+") as file:
        file[dataset][...] = change(file[dataset][()])
    seal(path)
    found = verify(path)
    assert not found.passed
    assert dict(found.checks)["checksum of the file"] == ""
    assert dict(found.checks)[what]


def test_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.h5"):
        verify(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("text")
    assert not verify(tmp_path / "text.h5").passed
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["endpoints"] = [1.0]
    with pytest.raises(FileFormatError, match=r"other\.h5"):
        verify(tmp_path / "other.h5")


@pytest.mark.parametrize("damaged", [False, True])
def test_exit_code(copy, damaged):
    if damaged:
        flip(copy, 8 * copy.stat().st_size - 4)
    result = CliRunner().invoke(app, ["verify", str(copy)])
    assert result.exit_code == int(damaged)
    assert ("DAMAGED" in result.stdout) == damaged
