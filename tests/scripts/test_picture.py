"""The README's picture shows what is computed, and the check of that finds where it does not."""

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def picture(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("picture")


def test_its_numbers_are_computed_again(picture, capsys):
    picture.main(["--check"])
    assert "shows what is computed" in capsys.readouterr().out
    assert picture.PICTURE.stat().st_size < 100_000


@pytest.mark.parametrize("factor", [1.01, float("nan")])
def test_other_numbers_are_found(picture, factor, monkeypatch):
    found = picture.numbers(picture.toy(), picture.orders())
    found["distances"]["second-order"][-1] *= factor
    monkeypatch.setattr(picture, "numbers", lambda run, study: found)
    with pytest.raises(SystemExit, match="shows other numbers"):
        picture.main(["--check"])
