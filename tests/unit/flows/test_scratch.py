"""A folder to work in: gone afterwards, and what a killed run left is gone with the next; nobody's who is at work."""

from __future__ import annotations

import contextlib
import tempfile

import pytest

from edgedeploy.core import errors
from edgedeploy.flows import scratch


def test_it_is_gone_afterwards_and_ours_alone(tmp_path):
    with scratch.folder(tmp_path, "ours-") as made:
        assert made.stat().st_mode & 0o777 == 0o700
        (made / "file").touch()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_left_is_removed_and_what_another_holds_is_kept(tmp_path):
    (tmp_path / "ours-killed/deep").mkdir(parents=True)
    (tmp_path / "theirs").mkdir()
    with scratch.folder(tmp_path, "ours-") as one, scratch.folder(tmp_path, "ours-") as two:
        assert {path.name for path in tmp_path.iterdir()} == {one.name, two.name, "theirs"}


@pytest.mark.parametrize("how", ["holds it", "has removed it"])
def test_another_that_tidies_up_between_the_making_and_the_lock_makes_us_begin_anew(tmp_path, monkeypatch, how):
    held, times = scratch._held, []

    @contextlib.contextmanager
    def late(path):
        times.append(path)
        if len(times) > 1:
            with held(path):
                yield
        elif how == "holds it":
            raise BlockingIOError
        else:
            with held(path):
                path.rmdir()
                yield

    monkeypatch.setattr(scratch, "_held", late)
    with scratch.folder(tmp_path, "ours-") as made:
        assert made == times[1]
        assert made.is_dir()


def test_no_place_at_all_is_said(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/nowhere"])
    with pytest.raises(errors.UsageFault, match="temporary"):
        scratch.usual()
