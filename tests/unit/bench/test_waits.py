from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import waits
from bench.waiting import Scene, Wait, told
from bench.waitpage import render
from edgedeploy.core import errors

SOON, LATE = Wait("SSH", "it dies", "a read says so", 5.0), Wait("SSH", "it hangs", "a write says so", 0.5)
WHEN = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def raising(error: Exception) -> object:
    raise error


def stage(monkeypatch: pytest.MonkeyPatch, *scenes: Scene) -> None:
    monkeypatch.setattr(waits, "SCENES", scenes)
    monkeypatch.setattr(waits, "_wanting", lambda: "")


def test_the_median_decides() -> None:
    assert not SOON.missed([1.0, 5.0, 99.0])
    assert SOON.missed([1.0, 5.01, 5.01])


def test_told_by_the_right_fault_with_the_right_words() -> None:
    died = errors.Unreachable("it has ended", hint="plug it in")
    assert told(lambda: raising(died), errors.WireFault, "has ended") >= 0
    with pytest.raises(AssertionError, match="'silent' was waited for, and not: it has ended"):
        told(lambda: raising(died), errors.WireFault, "silent")
    with pytest.raises(errors.Unreachable):
        told(lambda: raising(died), errors.UsageFault)
    with pytest.raises(AssertionError, match="in vain"):
        told(lambda: None, errors.WireFault)


def test_the_page_says_what_is_met() -> None:
    page = render({SOON: [1.0, 2.0, 3.0], LATE: [0.4, 0.6, 0.6]}, "a machine", WHEN)
    assert "| SSH | it dies | a read says so | 5 s | 2.00 (1.00 to 3.00) | yes |" in page
    assert "| SSH | it hangs | a write says so | 0.5 s | 0.60 (0.40 to 0.60) | **no** |" in page
    assert "Measured on 2026-11-29 12:00 UTC, 3 rounds.\n\na machine." in page
    assert "{" not in page


def test_rounds_take_turns_each_in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    played: list[str] = []

    def play(name: str, *seconds: float) -> object:
        def scene(folder: Path) -> Sequence[float]:
            assert not list(folder.iterdir())
            (folder / name).touch()
            played.append(name)
            return seconds

        return scene

    third = Wait("mDNS", "it is there", "a sighting", 1.0)
    stage(monkeypatch, Scene((SOON, LATE), play("a", 1.0, 0.7)), Scene((third,), play("b", 0.1)))
    written = tmp_path / "page.md"
    assert waits.main(["--rounds", "3", "--write", str(written)]) == 1, "LATE's target is missed"
    assert played == ["a", "b"] * 3
    assert "0.70 (0.70 to 0.70) | **no**" in written.read_text()
    assert waits.main(["--rounds", "1", "--only", "mdns,nothing"]) == 0
    assert played[6:] == ["b"]


@pytest.mark.parametrize("failed", [AssertionError("in vain"), errors.Unreachable("in vain", hint="x")])
def test_what_does_not_happen_is_named_and_nothing_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], failed: Exception
) -> None:
    stage(monkeypatch, Scene((SOON,), lambda _: raising(failed)))
    written = tmp_path / "page.md"
    assert waits.main(["--write", str(written)]) == 2
    assert "SSH, it dies: in vain" in capsys.readouterr().err
    assert not written.exists()


@pytest.mark.parametrize("argv", [["--rounds", "0"], ["--only", "nosuch"], ["--only", "ssh", "--write", "x"]])
def test_refused_options(argv: list[str]) -> None:
    with pytest.raises(SystemExit):
        waits.main(argv)


def test_no_row_stands_twice() -> None:
    rows = [wait for scene in waits.SCENES for wait in scene.waits]
    assert len(rows) == len(set(rows))
