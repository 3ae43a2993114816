"""Every figure of the gallery shows what it claims, at small size; and a claim that does not hold is an error."""

import importlib
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).resolve().parents[2] / "scripts" / "gallery"
SHARED = ("paper", "setups", "run")
NAMES = sorted(path.stem for path in GALLERY.glob("*.py") if path.stem not in SHARED)
MOST_LINES = 40


@pytest.fixture
def module(monkeypatch):
    """Import a module of the gallery, which is no package, and forget it afterwards."""
    monkeypatch.syspath_prepend(GALLERY)
    yield importlib.import_module
    for name in (*NAMES, *SHARED):
        sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_shows_what_it_claims(name, module, tmp_path, capsys):
    claims = module(name).main(0.05, tmp_path)
    assert claims
    assert all(claim.holds for claim in claims)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name}\n")
    assert all(claim.measured in printed for claim in claims)
    for suffix in (".svg", ".png"):
        assert (tmp_path / f"{name}{suffix}").stat().st_size > 5000


@pytest.mark.parametrize("name", NAMES)
def test_is_short_and_says_what_it_shows(name):
    lines = (GALLERY / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    assert lines[0].startswith('"""')


def test_all_are_run(module):
    assert sorted(module("run").NAMES) == NAMES


@pytest.mark.parametrize(
    ("value", "holds"), [(1.0, True), (2.0, True), (2.1, False), (0.9, False), (float("nan"), False)]
)
def test_between(value, holds, module):
    claim = module("paper").between("slope", value, 1, 2)
    assert claim.holds is holds
    assert claim.text == "slope: 1 to 2"


def test_a_claim_that_does_not_hold_is_an_error(module, tmp_path, capsys):
    """The figure is written all the same, to look at."""
    paper = module("paper")

    @paper.published
    def draw(size):
        return paper.panels(1)[0], paper.between("slope", 3.0, 1, 2), paper.between("width", size, 0, 1)

    with pytest.raises(SystemExit, match=r"^test_gallery does not show what it claims: slope: 1 to 2: 3$"):
        draw(0.5, tmp_path)
    assert "NOT SO" in capsys.readouterr().out
    assert (tmp_path / "test_gallery.png").exists()


def test_run_goes_on_after_a_failure(module, monkeypatch, tmp_path, capsys):
    """All figures are made; the exit says which failed."""
    run, paper = module("run"), module("paper")

    class Good:
        @staticmethod
        def main(size, folder):
            return [paper.between("slope", size, 0, 1)]

    class Bad:
        @staticmethod
        def main(size, folder):
            raise SystemExit("bad does not show what it claims")

    monkeypatch.setattr(run, "NAMES", ("bad", "good"))
    monkeypatch.setattr(run.importlib, "import_module", {"bad": Bad, "good": Good}.get)
    monkeypatch.setattr(sys, "argv", ["run.py", "--size", "0.5", "-o", str(tmp_path)])
    with pytest.raises(SystemExit, match="bad does not show"):
        run.main()
    printed = capsys.readouterr().out
    assert "good" in printed
    assert "0.5" in printed
