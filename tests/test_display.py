"""What results look like, whatever became of them: nothing raises, and nothing long is computed."""

import html.parser
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import mcsgd
from mcsgd.comparison import coordinate_table
from mcsgd.display import MOST_ITEMS, Shown, Table, number, p_value, pairs
from mcsgd.findings import find
from mcsgd.flow import Flow
from mcsgd.ladders.result import FieldOrder
from mcsgd.problems import LinearRegression, Quadratic
from mcsgd.run import Run
from mcsgd.theory import decompose

START = [1.2, 0.7]
STEEP = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])


def run_of(problem, start, settings, keep_cloud=True, fields=("gradient", "sgd")):
    flows = {field: mcsgd.integrate(problem, start, settings, field) for field in fields}
    return Run(mcsgd.simulate(problem, start, settings, keep_cloud=keep_cloud), flows)


def diverged():
    settings = mcsgd.Settings(0.5, 2, 40, sampling="with-replacement")
    return run_of(STEEP, [1.0], settings, fields=("gradient",))


def wide():
    """A run of more parameters than are shown."""
    rng = np.random.default_rng(0)
    problem = LinearRegression(rng.normal(size=(12, 9)), rng.normal(size=12), 3)
    return run_of(problem, np.zeros(9), mcsgd.Settings(0.01, trajectories=20))


def none_finished(toy):
    """Of a cloud all of whose trajectories diverged."""
    cloud = run_of(toy, START, mcsgd.Settings(0.01, trajectories=4)).cloud
    rows = replace(cloud.rows, endpoints=np.full((4, 2), np.nan), status=np.ones(4, np.uint8))
    return Run(replace(cloud, rows=rows))


RUNS = {
    "pairs": lambda toy: run_of(
        toy, START, mcsgd.Settings(0.01, trajectories=200, design="reversed-pairs", momentum=0.1)
    ),
    "moments": lambda toy: run_of(toy, START, mcsgd.Settings(0.01, trajectories=50), keep_cloud=False),
    "one": lambda toy: run_of(toy, START, mcsgd.Settings(0.01, trajectories=1)),
    "wide": lambda toy: wide(),
    "diverged": lambda toy: diverged(),
    "none finished": none_finished,
    "no flows": lambda toy: run_of(toy, START, mcsgd.Settings(0.01, trajectories=3), fields=()),
}


def results(run):
    """The run and all that is had from it."""
    yield from (run, run.cloud, *run.flows.values())
    cloud = run.cloud.finished()
    yield cloud
    if cloud.count:
        verdict = mcsgd.judge(cloud, run.flows.values())
        yield from (verdict, *verdict.comparisons)


def study(toy, trajectories=100, exact=False, **vary):
    vary = {"step_size": [0.01, 0.005, 0.0025]} | vary
    return mcsgd.study(toy, START, mcsgd.Settings(0.01, trajectories=trajectories), vary, exact=exact)


class Tables(html.parser.HTMLParser):
    """Reads the rows of all tables, and fails at what may not be in there."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag in ("table", "caption", "thead", "tbody", "tr", "th", "td", "div")
        assert [name for name, _ in attributes] in ([], ["style"])
        assert "color" not in dict(attributes).get("style", "")
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def assert_well_shown(result):
    assert isinstance(result, Shown)
    text, page = str(result), result._repr_html_()
    assert text == text.strip() != ""
    assert repr(result)
    assert len(page) < 10_000
    shown = Tables(page).rows
    for table in result.tables():
        head = [list(table.columns)] if table.columns and table.rows else []
        assert [*head, *map(list, table.rows)] == [shown.pop(0) for _ in (*head, *table.rows)]
    assert shown == []


@pytest.mark.parametrize("kind", RUNS)
def test_any_run_can_be_shown(kind, toy):
    for result in results(RUNS[kind](toy)):
        assert_well_shown(result)
        lines = 2 + len(result.comparisons) if isinstance(result, mcsgd.Verdict) else 1
        assert len(repr(result).splitlines()) <= lines


def test_a_run_from_a_file(toy, tmp_path):
    """And of a file that is no longer there."""
    path = tmp_path / "run.h5"
    rng = np.random.default_rng(0)
    problem = LinearRegression(rng.normal(size=(12, 30)), rng.normal(size=12), 3)
    mcsgd.simulate(problem, np.zeros(30), mcsgd.Settings(0.01, trajectories=20), path)
    run = mcsgd.load(path)
    assert_well_shown(run)
    assert "numba = " in str(run)
    assert dict(run.tables()[0].rows)["sgd"].startswith("step_size = 0.01")
    later = mcsgd.load(path)
    path.unlink()
    for result in (later, later.cloud):
        assert_well_shown(result)
    assert "Mean endpoint" in str(later.cloud)


def test_studies(toy):
    for found in (study(toy), study(toy, exact=True, step_size=[0.01, 0.005])):
        assert_well_shown(found)
        ladder = found.ladder()
        assert_well_shown(ladder)
        assert len(repr(found).splitlines()) == 2 + 4 + sum(bool(one.message) for one in ladder.fields)
        assert len(repr(ladder).splitlines()) == 1
    assert repr(ladder["sgd"]).startswith("FieldOrder(sgd, order 2.9")
    poor = study(toy, trajectories=2)
    assert "no fit" in poor._repr_html_()
    assert "below two standard errors" in poor.ladder()._repr_html_()


def test_studies_over_grids(toy):
    """A line for each field of each ladder; without a ladder, distances alone."""
    found = study(toy, epochs=[1, 2])
    assert_well_shown(found)
    assert repr(found).startswith("Study(step_size (3) x epochs (2); fields gradient, ")
    orders, points, about = found.tables()
    assert orders.columns[:3] == ("epochs", "flow", "order")
    assert [row[:2] for row in orders.rows] == [
        (epochs, field) for epochs in ("1", "2") for field in found.fields
    ]
    assert [row[:2] for row in points.rows[:2]] == [("0.01", "1"), ("0.01", "2")]
    assert dict(about.rows)["step_size"] == "0.01, 0.005, 0.0025"
    flat = mcsgd.study(toy, START, mcsgd.Settings(0.01), {"sampling": ["random-order", "full-batch"]})
    assert_well_shown(flat)
    assert [len(table.rows) for table in flat.tables()[:-1]] == [2]


def test_orders_that_are_not_known():
    one = FieldOrder("sgd", *[np.array([1.0, np.nan])] * 2, *[np.array([math.nan])] * 2, ("", ""))
    assert str(one).startswith("sgd: order nan ± nan")


def test_words_and_tables():
    """What a terminal shows of the run in the README: one line, a table, a sentence."""
    run = diverged()
    left = 40 - run.cloud.finished().count
    assert repr(run.cloud) == f"Ensemble(40 trajectories, 1 parameter, {run.cloud.diverged} diverged)"
    assert repr(run).startswith("Run(Ensemble(40 trajectories, 1 parameter, ")
    assert "the mean over all orders does not exist" in str(run.cloud)
    assert f"40, {run.cloud.diverged} diverged" in run.cloud._repr_html_()
    assert f"{left} diverged left out" in repr(run.cloud.finished())
    assert "no endpoint: it grew" in repr(mcsgd.judge(run.cloud.finished(), run.flows.values())["gradient"])


def test_verdict(toy):
    run = RUNS["pairs"](toy)
    verdict = mcsgd.judge(run.cloud, run.flows.values())
    lines = repr(verdict).splitlines()
    assert lines[0] == "Verdict on 200 trajectories"
    assert lines[1].split() == ["flow", "distance", "std.", "error", "95%", "interval", "p", "verdict"]
    assert [line.split()[0] for line in lines[2:]] == ["gradient", "sgd"]
    assert str(verdict) == " ".join(verdict.sentences)
    assert f'<div style="padding: 0.1em 0.6em">{verdict.sentences[0]}</div>' in verdict._repr_html_()
    assert re.fullmatch(
        r"Comparison\(gradient, distance 1\.\d\de-03 ± 1e-04, p \d.*e-..*, excluded\)",
        repr(verdict["gradient"]),
    )
    assert "momentum = 0.1" in run.cloud._repr_html_()


def test_numbers():
    assert (number(12345.0, 3), number(0.0, 1), number(math.nan, 3)) == ("1.23e+04", "0e+00", "-")
    assert (p_value(0.0), p_value(0.25), p_value(math.nan)) == ("< 1e-12", "0.25", "-")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1.0, 2.0], "1.0 2.0"),
        ((1, 0), "1 0"),
        (list(range(13)), "13 items"),
        ([[1, 2, 3], [4, 5, 6]], "2 x 3 numbers"),
        ([], ""),
        (True, "True"),
    ],
)
def test_values_are_short(value, expected):
    assert pairs({"x": value, "none": None, "empty": ""}) == (f"x = {expected}" if expected else "")


def test_tables_of_flows_coordinates_and_widths(toy):
    run = RUNS["pairs"](toy)
    found = find(replace(run, predicted_covariance=run.cloud.covariance), confidence=0.99)
    (table,) = found.verdict.tables()
    assert table.columns[3] == "99% interval"
    assert [row[0] for row in table.rows] == ["gradient", "sgd"]
    assert table.rows[0][-1] == "excluded"
    for c in found.verdict.comparisons:
        rows = coordinate_table(c).rows
        assert [row[0] for row in rows] == ["0", "1"]
        assert rows[0][1] == number(c.difference[0], 3)
    assert_well_shown(found.widths)
    (table,) = found.widths.tables()
    assert [row[1] == row[2] for row in table.rows] == [True, True]
    assert find(run).widths is None


def test_html_is_escaped():
    cell = '<script>alert("&")</script>'
    page = Table(cell, (cell,), [(cell,)], notes=[cell]).as_html()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;") == 4
    flow = Flow(cell, np.zeros(1), np.zeros((1, 1)), np.zeros(1), cell)
    assert "<script" not in flow._repr_html_()


def test_text_is_aligned():
    table = Table("Ends", ("flow", "distance"), [("sgd", "1"), ("second-order", "-10")], 1, ["Two."])
    assert (
        table.as_text()
        == "Ends\nflow          distance\nsgd                  1\nsecond-order       -10\nTwo."
    )
    assert Table("Ends", ("flow",), [], notes=["none"]).as_text() == "Ends\nnone"


def test_an_empty_flow():
    assert_well_shown(Flow("sgd", np.empty(0), np.empty((0, 1)), np.array([np.nan]), "did not begin"))


def test_exact_means_and_terms_of_a_loss(toy):
    settings = mcsgd.Settings(0.01, epochs=2)
    exact = mcsgd.exact_mean(toy, START, settings)
    parts = decompose(toy, mcsgd.integrate(toy, START, settings), settings)
    for result in (exact, parts):
        assert_well_shown(result)
    assert str(exact).startswith("Exact mean of all 576 equally likely endpoints of 2 epochs, by prefix tree")
    assert [row[0] for row in parts.tables()[0].rows][:: MOST_ITEMS - 1] == ["0", "0.08"]
    many = mcsgd.exact_mean(Quadratic([np.eye(9)], [np.ones(9)]), np.zeros(9), mcsgd.Settings(0.1))
    assert str(many).endswith("and 3 more coordinates")


def test_nothing_long_is_computed(toy, monkeypatch):
    """The moments of many trajectories are shown once they are known."""
    monkeypatch.setattr("mcsgd.glimpse.SOON_COMPUTED", 10)
    cloud = mcsgd.simulate(toy, START, mcsgd.Settings(0.01, trajectories=1000))
    assert "not computed yet" in str(cloud)
    assert "not computed yet" in cloud._repr_html_()
    assert "moments" not in vars(cloud)
    mean = cloud.mean
    assert f"{mean[0]:.6f}" in str(cloud)


def test_long_values_are_cut(toy):
    run = Run(mcsgd.simulate(toy, START, mcsgd.Settings(0.01)), experiment={"problem": {"x": [0.5] * 1000}})
    assert len(run._repr_html_()) < 5000
