"""`edgedeploy try`, typed in a terminal of its own: a folder of slides, the sample, a person's own program; and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedeploy.lab import here
from tests.contract.here_board import SILENT
from tests.guard import until

PORT = 20000 + os.getpid() % 12000
"""below those that the kernel gives to whoever asks for any"""


class Typed:
    """`edgedeploy try`, in a terminal of its own."""

    def __init__(self, home: Path, *argv: str, port: int) -> None:
        self.home = home
        argv = (*(("--port", str(port)) if port else ()), *argv)
        env = {
            **os.environ, "EDGEDEPLOY_STATE_DIR": str(home / "state"), "EDGEDEPLOY_CONFIG_DIR": str(home / "config"),
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgedeploy", "try", *argv], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=env, cwd=home,
        )  # fmt: skip

    def until(self, word: str) -> str:
        """The next line with this word."""
        assert self._process.stdout
        for line in self._process.stdout:
            self.said.append(line)
            if word in line:
                return line.strip()
        raise AssertionError("".join(self.said))

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self._process.send_signal(number)
        assert self._process.stdout
        self.said += self._process.stdout
        return self._process.wait()

    def close(self) -> None:
        """Whatever it does."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def typed(home: Path, *argv: str, port: int = PORT) -> Iterator[Typed]:
    home.mkdir()
    it = Typed(home, *argv, port=port)
    try:
        yield it
    finally:
        it.close()
        for folder in boards(it):
            here.end(folder)


def boards(of: Typed) -> list[Path]:
    """Folders of boards that are there."""
    return [path for path in (of.home / "state/try").glob("*") if path.is_dir()]


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def test_try_shows_a_folder_of_slides_and_each_change_and_leaves_nothing(tmp_path: Path) -> None:
    slides = tmp_path / "deck"
    slides.mkdir()
    (slides / "index.html").write_text("<h1>one</h1>")
    with typed(tmp_path / "home", str(slides)) as it:
        url = it.until("http://")
        assert fetched(url) == "<h1>one</h1>"
        assert "deck 20" in "".join(it.said), "it is called after its folder"
        assert f"edit {slides}/index.html" in it.until("edit ")
        it.until("Ctrl-C ends it")
        (slides / "index.html").write_text("<h1>two</h1>")
        assert it.until(" is live; outage ").endswith(url)
        assert fetched(url) == "<h1>two</h1>"
        assert it.end() == 0
    assert "Traceback" not in "".join(it.said)
    assert boards(it) == []
    assert sorted(path.name for path in slides.iterdir()) == ["index.html"]
    with pytest.raises(OSError, match="refused"):
        fetched(url)


def test_try_shows_a_sample_talk_and_what_a_kill_left_is_cleared_by_the_next_one(tmp_path: Path) -> None:
    with typed(tmp_path / "home") as it:
        url = it.until("http://")
        assert "Change this line" in fetched(url)
        it.end(signal.SIGKILL)
        assert "Change this line" in fetched(url), "its release belongs to nobody, and goes on"
        (left,) = boards(it)
        with here.place(left.parent):
            assert not left.exists()
        with pytest.raises(OSError, match="refused"):
            fetched(url)


def test_try_that_is_left_in_the_middle_of_a_swap_ends_all_that_it_has_begun(tmp_path: Path) -> None:
    with typed(tmp_path / "home") as it:
        it.until("http://")
        repository = Path(it.until("edit ").split()[1]).parents[1]
        processes = boards(it)[0] / "board/run/edgedeploy/processes"
        before = {path.name for path in processes.glob("*.json")}
        assert len(before) == 1
        (repository / "server.py").write_text(f"#!{sys.executable} -IS\n{SILENT}")
        until(lambda: {path.name for path in processes.glob("*.json")} - before, "the new one runs, and is asked")
        assert it.end() == 0
    assert boards(it) == []
    assert "Traceback" not in "".join(it.said)
    assert "goes on by itself" not in "".join(it.said)


@pytest.mark.parametrize(
    ("there", "said"),
    [((), "is not there"), (("deck",), "has no index.html"), (("deck", "deck/slides"), "has no index.html")],
)
def test_try_says_what_is_wrong_with_a_folder(tmp_path: Path, there: tuple[str, ...], said: str) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "edgedeploy", "try", str(tmp_path / "deck")], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_a_persons_program_without_slides_is_tried_too_and_its_console_is_there(tmp_path: Path) -> None:
    repository = tmp_path / "mine"
    port = PORT
    env = {**os.environ, "GIT_AUTHOR_NAME": "Anna", "GIT_AUTHOR_EMAIL": "a@example.org"}
    for words in (["init", "mine", "--runtime", "unix", "--address", "127.0.0.1/8"], ["release", "mine/server", "--repo", "mine"]):
        if words[0] == "release":
            toml = (repository / "edgedeploy.toml").read_text().replace("port = 8080", f"port = {port}")
            (repository / "edgedeploy.toml").write_text(toml)
            serve = "import http.server, os\nprint('hello from it', flush=True)\n"
            serve += "pages = http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler)\n"
            serve += "pages.serve_forever()\n"
            (repository / "server").write_text(f"#!{sys.executable} -IS\n{serve}")
        done = subprocess.run(
            [sys.executable, "-m", "edgedeploy", *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
            timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    with typed(tmp_path / "home", str(repository), port=0) as it:
        assert f":{port}/" in it.until("http://")
        assert it.until("edit ").split()[1] == str(repository)
        mine = {"EDGEDEPLOY_STATE_DIR": str(it.home / "state"), "EDGEDEPLOY_CONFIG_DIR": str(it.home / "config")}
        seen = subprocess.run(
            [sys.executable, "-m", "edgedeploy", "console", "mine"], env={**os.environ, **mine}, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, timeout=600,
        )  # fmt: skip
        assert b"hello from it" in seen.stdout, seen.stderr
        assert it.end() == 0
    assert (repository / "xen/latest").exists(), "what is one's own stays"
