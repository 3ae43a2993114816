import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from page_reader import Page
from page_runs import FIGURES, make_file, make_run

import mcsgd
from mcsgd.display import Table
from mcsgd.errors import FileFormatError, InputError, MissingExtraError, OutputExistsError
from mcsgd.experiment import Experiment
from mcsgd.findings import find
from mcsgd.flow import Flow
from mcsgd.reports import report
from mcsgd.reports.blocks import Code, Text, to_html
from mcsgd.rerun import experiment_text
from mcsgd.run import Run, provenance_table, settings_table
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.storage.stored import StoredRows

SECTIONS = ["Answer", "Figures", "Settings", "How to run it again", "Provenance"]


def written(run, folder, **options):
    return report(run, folder / "page.html", **options).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return make_file("full", tmp_path_factory.mktemp("full"))


@pytest.mark.parametrize("kind", FIGURES)
def test_every_kind_of_run_has_a_page(kind, tmp_path):
    """Well formed, with so many figures, its settings, and small."""
    text = written(make_run(kind, tmp_path), tmp_path)
    page = Page(text)
    headings = re.findall("<h2>(.*?)</h2>", text)
    assert [h for h in headings if h != "Diverged trajectories"] == SECTIONS
    assert ("Diverged trajectories" in headings) is ("diverged" in kind)
    figures = page.all("figure")
    assert len(figures) == len(page.all("figcaption")) == len(page.all("svg")) == FIGURES[kind]
    assert len(text) < 800_000


def test_a_page_says_what_the_terminal_says(full, tmp_path):
    """The verdict and every cell of the tables, from the same source."""
    page, run = Page(written(full, tmp_path, confidence=0.99)), mcsgd.load(full)
    found = find(run, 0.99)
    assert f"{found.verdict} {found.widths}" in page.text
    for table in (*found.verdict.tables(), settings_table(run), provenance_table(run)):
        for cell in [cell for row in table.rows for cell in row] + list(table.columns):
            assert " ".join(cell.split()) in page.text
    assert "99% interval" in page.text


def test_how_to_run_it_again(full, tmp_path):
    page = Page(written(full, tmp_path))
    assert " ".join(experiment_text(mcsgd.load(full)).split()) in page.text
    assert "mcsgd info run.h5 --toml > experiment.toml mcsgd run experiment.toml -o again.h5 " in page.text


def test_how_to_run_moments_again(tmp_path):
    assert "-o again.h5 --no-cloud" in written(make_file("moments", tmp_path), tmp_path)


def test_a_run_from_python(toy, tmp_path):
    """Its settings are Python; the problem has no name there."""
    cloud = simulate(toy, [1.2, 0.7], Settings(0.01, trajectories=100, seed=5), tmp_path / "run.h5")
    page = Page(written(tmp_path / "run.h5", tmp_path))
    assert (
        "settings = mcsgd.Settings(step_size=0.01, epochs=1, sampling='random-order', trajectories=100, seed=5"
        in page.text
    )
    assert 'cloud = mcsgd.simulate(problem, mcsgd.load("run.h5").cloud.start, settings)' in page.text
    assert "There is no flow to compare with." in page.text
    in_memory = Page(written(Run(cloud), tmp_path, replace=True))
    assert "run.h5" not in in_memory.all("title")


def test_what_is_not_there_is_said(tmp_path):
    page = Page(written(make_file("moments", tmp_path), tmp_path))
    assert "Cloud not drawn: the run must have a cloud to draw, got one that kept moments only." in page.text
    assert "Distance by epoch not drawn: the run must have snapshots" in page.text


def test_one_epoch_has_no_distances_on_the_way(toy, tmp_path):
    cloud = mcsgd.simulate(toy, [1.2, 0.7], mcsgd.Settings(0.01, trajectories=20))
    assert "Distance by epoch" not in Page(written(Run(cloud), tmp_path)).text


def test_diverged_trajectories(tmp_path):
    path = make_file("diverged", tmp_path)
    page, cloud = Page(written(path, tmp_path)), mcsgd.load(path).cloud
    assert "conditional on finishing" in page.text
    assert f"diverged {cloud.diverged} left out {cloud.diverged}" in page.text


def test_nothing_finished(tmp_path):
    page = Page(written(make_file("all diverged", tmp_path), tmp_path))
    assert "There is no answer: none of the 40 trajectories finished: there are no statistics." in page.text
    assert "Nothing is drawn: no trajectory finished." in page.text


def test_figures_can_be_read_aloud(full, tmp_path):
    """Each has a role and a description, and its text is text; no two things of the page have the same id."""
    text = written(full, tmp_path)
    page = Page(text)
    for svg in page.all("svg"):
        assert svg["role"] == "img"
        assert re.search(r" against .*\. Shown: .*gradient|predicted", svg["aria-label"])
    assert "distance of the mean to the flow" in page.text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = set(re.findall(r'(?:href="|url\()#([^")]*)', text))
    assert links
    assert links <= set(ids)


def test_figures_are_xml(full, tmp_path):
    for svg in re.findall("<svg.*?</svg>", written(full, tmp_path), flags=re.DOTALL):
        ET.fromstring(svg.replace("<svg", '<svg xmlns:xlink="http://www.w3.org/1999/xlink"', 1))


def test_nothing_is_loaded(full, tmp_path):
    """There is nothing that a browser would fetch, and a policy that would not let it."""
    page = Page(written(full, tmp_path))
    policies = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not page.all("script")
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    assert "@import" not in page.text
    assert not re.search(r"url\((?!#)", page.text)


def test_the_same_run_gives_the_same_bytes(full, tmp_path):
    assert written(full, tmp_path) == written(full, tmp_path, replace=True)


EVIL = "<script>alert(1)</script>&amp;\"'"


@pytest.mark.parametrize("kind", ["full", "corrected", "diverged"])
def test_a_file_may_be_larger_than_the_memory(kind, tmp_path, monkeypatch):
    """Nothing that is as long as there are trajectories is read whole, but for the byte of their state."""

    def whole(self, name):
        assert name in ("status", "paths"), f"{name} is read whole"
        return read(self, name)

    read = StoredRows._whole
    monkeypatch.setattr(StoredRows, "_whole", whole)
    written(make_file(kind, tmp_path), tmp_path)


def test_all_text_is_escaped(tmp_path):
    """Of the file's name, its experiment, its provenance, its flows, and their names."""
    path = make_file("full", tmp_path)
    run = mcsgd.load(path)
    flow = run.flows["sgd"]
    flows = {EVIL: Flow(EVIL, flow.time, flow.path, flow.endpoint), "gd": Flow("gd", flow.time, flow.path, flow.endpoint * float("nan"), EVIL)}  # fmt: skip
    provenance = {**run.provenance, "parameters": {"command": [EVIL, EVIL]}}
    experiment = {**run.experiment, "problem": {**run.experiment["problem"], EVIL: EVIL}}
    changed = Run(run.cloud, flows, experiment, provenance, run.predicted_covariance)
    page = Page(written(changed, tmp_path))
    assert not page.all("script")
    assert page.text.count("<script>alert(1)</script>&amp;") > 5
    named = path.rename(tmp_path / "<b>&.h5")
    assert "<b>&.h5" in Page(written(named, tmp_path, replace=True)).text


@pytest.mark.parametrize(
    "block",
    [
        Text("<&>", leading=True),
        Code("<&>", "<&>"),
        Code("<&>", "<&>" * 2000),
        Table("<&>", ("<&>", "<&>"), (("<&>", "<&>"),), right=1),
        Table("<&>", (), (("<&>", "<&>"),)),
    ],
)
def test_blocks_escape(block):
    assert "<&>" not in to_html(block)


def test_long_code_is_folded():
    assert to_html(Code("file", "x" * 5000)).startswith("<details>")
    assert not to_html(Code("file", "x")).startswith("<details>")


def test_unknown_blocks():
    with pytest.raises(TypeError, match="no HTML is known for int"):
        to_html(3)


# What is checked first ------------------------------------------------------------------------


def test_an_existing_page_is_not_touched(full, tmp_path):
    there = tmp_path / "page.html"
    there.write_text("precious")
    with pytest.raises(OutputExistsError, match=r"page\.html exists; it was not touched"):
        report(full, there)
    assert there.read_text() == "precious"
    assert report(full, there, replace=True) == there
    assert there.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("page.pdf", {}, r"output: must end in \.html, \.htm, got .*page\.pdf"),
        ("file/page.html", {}, "output: must be in a directory one can write to"),
        ("page.html", {"confidence": 1.0}, "confidence: must be <="),
    ],
)
def test_wrong_arguments_come_before_the_run_is_read(name, options, message, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        report(tmp_path / "none.h5", tmp_path / name, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_matplotlib_is_an_extra(monkeypatch, tmp_path):
    """Said before the run is read."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mcsgd\[plot\]'"):
        report(tmp_path / "none.h5", tmp_path / "page.html")


def test_what_is_not_a_run(tmp_path):
    with pytest.raises(InputError, match="which does not exist"):
        report(tmp_path / "none.h5", tmp_path / "page.html")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(FileFormatError):
        report(tmp_path / "text.h5", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_page_does_not_replace_its_run(full, tmp_path):
    named = tmp_path / "run.html"
    named.write_bytes(Path(full).read_bytes())
    with pytest.raises(InputError, match="output: must not be the file that it is about"):
        report(named, named, replace=True)
    assert named.read_bytes() == Path(full).read_bytes()


def test_an_experiment_in_memory(tmp_path):
    (tmp_path / "run.toml").write_text(
        '[problem]\nkind = "scalar-factorization"\nx = [1.0, 0.5]\ny = [0.6, 1.0]\n'
        "[start]\nvalue = [1.2, 0.7]\n[sgd]\nstep_size = 0.01\n"
    )
    page = Page(written(Experiment.read(tmp_path / "run.toml").run(), tmp_path))
    assert 'kind = "scalar-factorization"' in page.text
