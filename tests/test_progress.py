"""What is shown of long work, by a clock of the test's own."""

import io
import logging

import pytest
from rich.console import Console

from mcsgd.progress import LogLines, Together, _terminal, shown


@pytest.fixture
def lines(caplog):
    """Report so many trajectories at so many seconds; return the lines logged."""
    caplog.set_level(logging.INFO, logger="mcsgd")

    def report(calls, total):
        times = iter([seconds for seconds, _ in calls])
        log = LogLines(clock=lambda: next(times))
        for _, done in calls:
            log(done, total)
        return caplog.messages

    return report


def test_a_line_every_30_seconds(lines):
    calls = [(seconds, 40_000 * seconds) for seconds in range(100, 171, 10)]
    assert lines(calls, total=9_000_000) == [
        "5200000 of 9000000 trajectories (57 %), 40000/s, 95 s left",
        "6400000 of 9000000 trajectories (71 %), 40000/s, 65 s left",
    ]


def test_the_rate_is_that_of_this_process(lines):
    """What was there when it began does not count."""
    assert lines([(7.0, 1_000_000), (37.0, 1_003_000)], total=1_006_000) == [
        "1003000 of 1006000 trajectories (99 %), 100/s, 30 s left"
    ]


def test_work_that_is_not_counted_in_trajectories(caplog):
    caplog.set_level(logging.INFO, logger="mcsgd")
    times = iter([0.0, 40.0])
    log = LogLines(counted=False, clock=lambda: next(times))
    for done in (0, 10**12):
        log(done, 4 * 10**12)
    assert caplog.messages == ["25 %, 2.0 min left"]


def test_nothing_of_short_work(lines):
    assert lines([(0, 1), (10, 20), (29.9, 50)], total=50) == []


def test_nothing_where_nothing_was_done(lines):
    assert lines([(0, 5), (40, 5), (50, 10)], total=10) == ["10 of 10 trajectories (100 %), 0.1/s, 0 s left"]


@pytest.mark.parametrize(
    ("rate", "left", "expected"),
    [
        (81234, 47, "81000/s, 47 s"),
        (150, 119, "150/s, 119 s"),
        (150, 150, "150/s, 2.5 min"),
        (12.6, 9000, "13/s, 2.5 h"),
        (0.26, 5e5, "0.26/s, 5.8 days"),
    ],
)
def test_units(lines, rate, left, expected):
    done = round(100 * rate)
    total = done + round(left * rate)
    (line,) = lines([(0, 0), (100, done)], total)
    assert line.endswith(f"{expected} left")


@pytest.mark.parametrize("progress", [True, False])
def test_nothing_is_shown_of_work_that_is_refused(progress, capfd):
    with pytest.raises(ValueError, match="refused"), shown(progress):
        raise ValueError("refused")
    assert capfd.readouterr() == ("", "")


def test_a_callable_is_called():
    def report(done, total):
        pass

    with shown(report) as found:
        assert found is report


@pytest.fixture
def terminal(monkeypatch):
    """A terminal to draw a bar on."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr("mcsgd.progress._terminal", lambda: console)
    return console.file


def test_a_terminal_has_a_bar(terminal):
    """From the first call on: until then, nothing at all."""
    with shown(True) as report:
        assert terminal.getvalue() == ""
        report(60, 100)
        assert "60/100" in terminal.getvalue()
        report(100, 100)
    assert "100/100" in terminal.getvalue()


def test_a_terminal_has_no_bar_of_work_that_is_refused(terminal):
    with pytest.raises(ValueError, match="refused"), shown(True):
        raise ValueError("refused")
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("there", [True, False])
def test_a_notebook_has_a_bar_where_it_can_draw_one(there, monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: (there and name == "ipywidgets") or None)
    assert (_terminal() is not None) == there


def test_works_together_are_told_as_one():
    seen = []
    together = Together([30.0, 10.0], lambda *report: seen.append(report))
    together.of(1)(1, 2)
    together.of(0)(2, 3)
    together.of(1)(1, 1)
    together.of(1)(1, 1)
    assert seen == [(5, 40), (25, 40), (30, 40), (30, 40)]
