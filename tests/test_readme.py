"""What the README says is so: its blocks are run in turn, and commands, options, names and links are there.

Blocks build on each other, as they do for a reader. One that begins with a comment like "# poisson.py" is
a file of that name. A transcript ("console") is compared with what the command prints, numbers to 2%. The
R block is run by tests/storage/test_readers.py, where R is installed.
"""

import math
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import typer.main
from named import NAME, exists
from typer.testing import CliRunner

import mcsgd
from mcsgd.cli import app
from mcsgd.designs import set_size
from mcsgd.plots import PICTURES, STUDY_PICTURES
from mcsgd.schemes import DESIGNS, SAMPLINGS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
PAGES = (README, ROOT / "data" / "README.md", ROOT / "scripts" / "slurm" / "README.md")


class Block(NamedTuple):
    language: str
    code: str
    line: int

    @property
    def file(self):
        """The name of the file that it is, if it says so."""
        named = re.match(r"# ([\w./]+\.(?:py|toml))\n", self.code)
        return named and named[1]


def blocks(text=TEXT):
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield Block(found[1], found[2], text.count("\n", 0, found.start(2)))


def command(words):
    """Run a command of mcsgd, and return what it prints."""
    assert words[0] == "mcsgd"
    result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def run_python(block, names):
    if block.file:
        Path(block.file).write_text(block.code)
    else:  # with the lines of the README, for messages and for inspect
        exec(compile("\n" * block.line + block.code, str(README), "exec"), names)


def run_toml(block, names):
    """An experiment: in a file, or else that of the demo."""
    if block.file:
        Path(block.file).write_text(block.code)
        mcsgd.Experiment.read(block.file)
    else:
        demo = (ROOT / "data" / "breast_cancer.toml").read_text(encoding="utf-8")
        assert tomllib.loads(block.code) == tomllib.loads(demo)


def run_bash(block, names):
    """Commands of mcsgd are run, scripts are looked at only."""
    for line in block.code.splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "mcsgd":
            command(words)
        else:
            assert words[0] == "bash"
            subprocess.run(["bash", "-n", ROOT / words[1]], check=True)


def run_console(block, names):
    """The transcript of a command, whose output may be cut to its last lines."""
    first, _, expected = block.code.partition("\n")
    words, pipe, tail = first.removeprefix("$ ").partition(" | tail -")
    printed = command(shlex.split(words))
    if pipe:
        printed = "".join(printed.splitlines(keepends=True)[-int(tail) :])
    assert_same_words(printed, expected)


def assert_same_words(printed, expected):
    """But for line breaks, the last digit of numbers, and how long things took."""
    if "seconds" in expected:
        printed, expected = (re.sub(r"(?m)^([\w-]+ +\d.*?) +\S+ *$", r"\1", t) for t in (printed, expected))
    ours, theirs = expected.split(), printed.split()
    for one, other in zip(ours, theirs, strict=False):
        numbers = [re.fullmatch(r"\(?([-+.\de]+?)[,.)]*", word) for word in (one, other)]
        if all(numbers) and one != other:
            assert math.isclose(*(float(number[1]) for number in numbers), rel_tol=0.02), (one, other)
        else:
            assert one == other
    assert len(ours) == len(theirs)


def run_elsewhere(block, names):
    """By another test, or not at all, which is then said."""
    before = TEXT.splitlines()[: block.line - 1]
    assert block.language == "r" or before[-2].endswith("(not run):")


RUN = {
    "python": run_python,
    "toml": run_toml,
    "bash": run_bash,
    "console": run_console,
    "r": run_elsewhere,
    "julia": run_elsewhere,
    "matlab": run_elsewhere,
}


def test_every_block_in_turn(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = {"__name__": "readme"}
    for block in blocks():
        RUN[block.language](block, names)
    assert names["run"]["endpoints"].shape == (10_000, 3)
    names["run"].close()
    with names["study"], names["orders"]:
        assert names["distance"].dims == ("step_size", "start_seed")
        np.testing.assert_array_equal(names["distance"], mcsgd.load("study.h5").distance[:, 0, :, 2])
        assert names["orders"].dims == ("sampling", "start_seed", "field")
    assert "is compatible with second-order" in capsys.readouterr().out


@pytest.mark.parametrize("printed", ["mean 1.05", "mean 1.0 or", "median 1.0"])
def test_other_words_are_found(printed):
    assert_same_words("mean\n(1.001),", "mean (1.0),")
    with pytest.raises(AssertionError):
        assert_same_words(printed, "mean 1.0")


def prose(text=TEXT):
    """The text without its blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def commands(text):
    """Each command of mcsgd in blocks, indented lines and code within the text, as words."""
    lines = [line for block in blocks(text) for line in block.code.splitlines()]
    lines += re.findall(r"^    (.*)$", prose(text), re.MULTILINE)
    lines += re.findall(r"`([^`\n]+)`", prose(text))
    for line in lines:
        found = re.search(r"(?:^|\s)mcsgd ([a-z].*)", line)
        if found and not line.startswith(("#", "from ", "import ")):
            yield re.split(r"  | \| ", found[1])[0].split()


KNOWN = {
    name: {option for parameter in one.params for option in parameter.opts} | {"--help"}
    for name, one in typer.main.get_command(app).commands.items()
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_are_there(page):
    found = list(commands(page.read_text(encoding="utf-8")))
    for name, *words in found:
        assert name in KNOWN, name
        assert {word for word in words if word.startswith("-") and len(word) > 1} <= KNOWN[name], words
    if page == README:
        assert {name for name, *_ in found} == set(KNOWN)
        options = {option for known in KNOWN.values() for option in known}
        assert set(re.findall(r"`(--[a-z-]+)", TEXT)) <= options | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_and_places_are_there(page):
    text = page.read_text(encoding="utf-8")
    for name in set(NAME.findall(text)) - {"mcsgd.futures"}:
        assert exists(name), name
    for place in re.findall(r"\b(?:scripts|data|tests|mcsgd)/[\w./]*\w", text):
        assert (ROOT / place).exists(), place
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_links_within_the_page():
    """The contents has every section, in the order of the page."""
    headings = re.findall(r"^## (.*)$", prose(), re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", heading).replace(" ", "-").lower() for heading in headings]
    assert re.findall(r"\]\(#([^)]+)\)", TEXT) == anchors


def test_tables_name_what_there_is():
    def first_column(heading):
        section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        rows = section.partition("\n|---")[2]
        return re.findall(r"^\| `([\w-]+)` \|", rows, re.MULTILINE)

    assert first_column("Samplings and fields") == list(SAMPLINGS)
    assert set(first_column("Choosing a design")) == set(DESIGNS)
    sizes = re.findall(r"(\d+) for m = (\d+)", TEXT)
    assert [int(size) for size, _ in sizes] == [set_size(int(m)) for _, m in sizes] != []
    gallery = {path.stem for path in (ROOT / "scripts" / "gallery").glob("*.py")}
    assert first_column("Pictures and pages") == [*PICTURES, *STUDY_PICTURES]
    assert set(first_column("Gallery")) == gallery - {"paper", "run", "setups"}


def test_citation():
    """The keys that version 1.2.0 of its schema needs, and this version of mcsgd."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    keys = dict(re.findall(r"^([\w-]+): *(.*)$", text, re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= set(keys)
    assert keys["cff-version"] == "1.2.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert keys["version"] == mcsgd.__version__ == project["version"]
    assert keys["license"] == project["license"]
