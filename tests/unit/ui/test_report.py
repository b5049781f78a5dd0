"""What a person sees while things run; and that it is harmless when nobody can see it."""

import io
import re
import threading
import time

import click
import pytest
from rich.console import Console

from edgedeploy.ui import progress
from edgedeploy.ui.plain_report import PlainReport, QuietReport
from edgedeploy.ui.report import for_terminal
from edgedeploy.ui.rich_report import RichReport
from tests.guard import until


class Tty(io.StringIO):
    def isatty(self):
        return True


class Gone(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "gone")


def rich_report():
    out = Tty()
    console = Console(file=out, force_terminal=True, color_system=None, width=100, _environ={"TERM": "xterm"})
    return RichReport(out, console=console), out


def test_plain_prints_one_line_per_finished_step(monkeypatch):
    clock, out = Hands(monkeypatch), io.StringIO()
    report = PlainReport(out)
    with report.step("sending decks", total=3_800_000) as step:
        clock.now += 0.3
        step.advance(3_800_000)
    with report.step("starting the guest") as step:
        clock.now += 0.12
        step.detail("waiting for \x1b[31mHTTP")
    report.note("http://10.0.2.20/")
    report.warn("memory\nis tight")
    lines = out.getvalue().splitlines()
    assert lines == [
        "sending decks: done in 0.3 s (3.8 MB)",
        r"starting the guest: done in 0.1 s (waiting for \x1b[31mHTTP)",
        "http://10.0.2.20/",
        "warning: memory is tight",
    ]


class Hands:
    """A clock that a test moves."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_plain_says_every_few_seconds_how_far_it_is_and_how_long_it_takes(monkeypatch):
    clock, out = Hands(monkeypatch), io.StringIO()
    with PlainReport(out).step("sending 120 kB", total=120_000) as step:
        step.advance(60_000)  # what an earlier try has sent
        for _ in range(12):
            clock.now += 0.5
            step.advance(3000)
    assert out.getvalue().splitlines() == [
        "sending 120 kB: 90.0 kB of 120.0 kB, about 5 s left",
        "sending 120 kB: done in 6.0 s (96.0 kB)",
    ]
    quiet = io.StringIO()
    with QuietReport(quiet).step("sending", total=100) as step:
        step.advance(0)
        clock.now += 10
        step.advance(50)
    assert quiet.getvalue() == ""


def test_what_is_not_counted_or_does_not_move_has_no_time_left(monkeypatch):
    clock, out = Hands(monkeypatch), io.StringIO()
    report = PlainReport(out)
    with report.step("deploying") as step:
        clock.now += 60
        step.advance()
    with report.step("sending", total=100) as step:
        clock.now += 60
        step.advance(40)
    assert out.getvalue().splitlines()[:2] == ["deploying: done in 1 min 00 s", "sending: 40 B of 100 B"]


def test_nothing_is_drawn_while_a_person_is_asked():
    report, out = rich_report()
    alone = set(threading.enumerate())
    with report.step("reaching the board", total=10) as step:
        assert set(threading.enumerate()) > alone, "somebody draws"
        with report.hold():
            until(lambda: set(threading.enumerate()) <= alone, "nobody is there who could draw")
            before = out.getvalue()
            step.advance(5)
            report._progress.refresh()
            assert out.getvalue() == before
        until(lambda: out.getvalue() != before, "it is drawn again")
    with report.hold(), PlainReport(io.StringIO()).hold():
        pass


def test_plain_with_v_says_what_begins():
    out = io.StringIO()
    with PlainReport(out, 1).step("unpacking") as step:
        step.detail("ramdisk")
    assert out.getvalue().splitlines()[:2] == ["unpacking ...", "unpacking: ramdisk"]


@pytest.mark.parametrize("make", [lambda: (r := io.StringIO(), PlainReport(r))[::-1], rich_report])
def test_a_step_that_fails_is_marked_and_the_error_passes(make):
    report, out = make()
    with pytest.raises(ZeroDivisionError), report.step("dividing"):
        raise ZeroDivisionError
    assert "dividing: FAILED after" in out.getvalue()
    out.truncate(out.seek(0))
    with pytest.raises(KeyboardInterrupt), report.step("waiting"):
        raise KeyboardInterrupt
    assert "waiting: interrupted after" in out.getvalue()
    assert "FAILED" not in out.getvalue()


def test_quiet():
    out = io.StringIO()
    report = QuietReport(out)
    with report.step("x", total=1) as step:
        step.advance()
        step.detail("y")
    report.note("n")
    report.warn("w")
    assert out.getvalue() == "warning: w\n"
    QuietReport(out, warnings=False).warn("w")
    assert out.getvalue() == "warning: w\n"


def test_rich_shows_bars_and_leaves_one_line_per_step():
    report, out = rich_report()
    with report.step("[red]sending", total=1000) as step:
        step.advance(500)
        with report.step("inside") as inner:
            inner.detail("deep")
        step.advance(500)
    report.note("[bold]note")
    report.warn("careful")
    said = out.getvalue()
    assert "✓ [red]sending: done in" in said
    assert "(1.0 kB)" in said
    assert "✓ inside: done in" in said
    assert said.endswith("[bold]note\nwarning: careful\n")


@pytest.mark.parametrize(("columns", "shown"), [(60, False), (120, True)])
def test_a_narrow_terminal_has_no_room_for_a_bar(columns, shown):
    out = Tty()
    console = Console(file=out, force_terminal=True, color_system=None, width=columns, _environ={"TERM": "xterm"})
    report = RichReport(out, console=console)
    with report.step("sending what the board lacks", total=6_300_000) as step:
        step.advance(2_500_000)
        step.detail("as a bundle")
        report._progress.refresh()
    drawn = out.getvalue()
    assert ("━" in drawn) is shown
    assert "2.5/6.3 MB" in drawn
    assert ("as a bundle" in drawn.split("✓")[0]) is shown


def test_a_long_detail_stays_on_its_line():
    out = Tty()
    console = Console(file=out, force_terminal=True, color_system=None, width=80, _environ={"TERM": "xterm"})
    report = RichReport(out, console=console)
    with report.step("preparing the release on the board") as step:
        step.detail("unpacking kernel and ramdisk of 20261123-1407-5c1e0a9d, which the board has not seen before")
        report._progress.refresh()
        drawn = report._progress.get_renderable()
        lines = console.render_lines(drawn, console.options, pad=False)
    assert len(lines) == 1
    assert "".join(segment.text for segment in lines[0]).rstrip().endswith("…")


@pytest.mark.parametrize(
    ("problem", "said"),
    [(click.Abort(), "interrupted after"), (KeyboardInterrupt(), "interrupted after"), (ValueError(), "FAILED after")],
)
def test_a_question_that_is_left_is_no_failure(problem, said):
    out = io.StringIO()
    with pytest.raises(type(problem)), PlainReport(out).step("looking for the board"):
        raise problem
    assert said in out.getvalue()


def test_with_no_color_nothing_is_bold_or_dim(monkeypatch):
    for value, styled in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", value)
        monkeypatch.setenv("TERM", "xterm-256color")
        out = Tty()
        report = RichReport(out)
        with report.step("swapping") as step:
            step.detail("waiting")
            report._progress.refresh()
        report.warn("careful")
        assert bool(re.search(r"\x1b\[[0-9;]+m", out.getvalue())) is styled


def test_a_terminal_that_went_away_stops_nothing():
    for report in (PlainReport(Gone()), QuietReport(Gone())):
        with report.step("x") as step:
            step.advance()
        report.note("n")
        report.warn("w")
    with RichReport(Gone()).step("x", total=2) as step:
        step.advance()
        step.detail("d")


@pytest.mark.parametrize(
    ("env", "verbosity", "stream", "kind"),
    [
        ({"TERM": "xterm"}, 0, Tty(), RichReport),
        ({"TERM": "xterm", "CI": "true"}, 0, Tty(), PlainReport),
        ({"TERM": "dumb"}, 0, Tty(), PlainReport),
        ({"TERM": "xterm"}, 0, io.StringIO(), PlainReport),
        ({"TERM": "xterm"}, -1, Tty(), QuietReport),
    ],
)
def test_choice(monkeypatch, env, verbosity, stream, kind):
    monkeypatch.delenv("CI", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert type(for_terminal(verbosity, stream)) is kind


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.31, "0.3 s"), (41.2, "41 s"), (59.9, "1 min 00 s"), (125, "2 min 05 s")]
)
def test_durations(seconds, words):
    assert progress.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (3_818_636, "3.8 MB"), (2_500_000_000_000, "2500.0 GB")]
)
def test_sizes(count, words):
    assert progress.size(count) == words
