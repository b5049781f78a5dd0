"""What is imported for an answer that comes from the command line itself: click, what click needs, and no more."""

import os
import subprocess
import sys

import pytest

from edgedeploy.cli import words

COMMANDS = [name for entries in words.SECTIONS.values() for name in entries]
OURS = {"", ".cli", ".cli.main", ".cli.words"}
PAGE = OURS | {".cli.quick"}
WITH_CLICK = PAGE | {".cli.completing", ".cli.group", ".cli.options", ".cli.program", ".core", ".core.errors"}
FAILED = WITH_CLICK | {".cli.failures", ".core.names"}
HEAVY = {
    "asyncio", "concurrent", "cryptography", "dbus", "email", "git", "gitdb", "http", "importlib.metadata", "ipaddress",
    "json", "keyring", "logging", "lz4", "multiprocessing", "pathlib", "paramiko", "platformdirs", "pydantic", "rich", "select",
    "serial", "smmap", "socket", "ssl", "subprocess", "tempfile", "tomllib", "traceback", "urllib", "zeroconf",
}  # fmt: skip


def imported(*argv, **environment):
    """The modules that one run of the program has loaded in the end, beside those of a Python that does nothing."""
    script = (
        "import sys; before = set(sys.modules)\n"
        "from edgedeploy.cli import main\n"
        "try: main.main()\n"
        "except SystemExit: pass\n"
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    called = [sys.executable, "-c", script, *argv]
    kept = {name: value for name, value in os.environ.items() if name != words.COMPLETE}
    done = subprocess.run(called, capture_output=True, text=True, check=True, env=kept | environment)
    return set(done.stderr.splitlines()[-1].split())


def ours(modules):
    return {name.removeprefix("edgedeploy") for name in modules if name.partition(".")[0] == "edgedeploy"}


def heavy(modules):
    return {name for name in modules if name in HEAVY or name.partition(".")[0] in HEAVY}


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["-h"]])
def test_the_version_and_the_help_need_not_even_click(argv):
    modules = imported(*argv)
    assert ours(modules) == PAGE
    assert not heavy(modules)
    assert not modules & {"click", "dataclasses", "inspect", "typing"}


def test_the_version_wraps_no_text():
    assert not imported("--version") & {"shutil", "textwrap"}


@pytest.mark.parametrize("argv", [["--nope"], ["pusj"], ["--config"]])
def test_a_wrong_command_line(argv):
    modules = imported(*argv)
    assert "click" in modules
    assert ours(modules) <= FAILED
    assert not heavy(modules)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "lab"])
def test_the_help_of_a_command(name):
    modules = imported(name, "--help")
    entry = next(entries[name][0] for entries in words.SECTIONS.values() if name in entries)
    own = entry.partition(":")[0].removeprefix("edgedeploy")
    assert ours(modules) == (WITH_CLICK - {".cli.quick"}) | {".cli.examples", own}
    assert not heavy(modules)


@pytest.mark.parametrize("name", ["push", "check", "discover"])
def test_a_wrong_option_of_a_command(name):
    modules = imported(name, "--nope")
    assert ours(modules) <= FAILED | {f".cli.{name}"}
    assert not heavy(modules)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("typed", "loaded"), [("pu", set()), ("push -", {".cli.push"}), ("push --via ", {".cli.push"})]
)
def test_completion(shell, typed, loaded):
    line = [words.PROGRAM, *typed.split(" ")]
    asked = {"COMP_WORDS": " ".join(line), "COMP_CWORD": line[-1] if shell == "fish" else str(len(line) - 1)}
    modules = imported(**{words.COMPLETE: f"{shell}_complete"}, **asked)
    assert "click" in modules
    assert ours(modules) == (WITH_CLICK - {".cli.quick"}) | loaded
    assert not heavy(modules)


def test_the_help_of_the_lab_needs_no_network():
    assert not imported("lab", "--help") & {"asyncio", "cryptography", "git", "paramiko", "rich", "zeroconf"}


NETWORK = {"asyncio", "cryptography", "keyring", "paramiko", "rich", "serial", "zeroconf"}


def alone(folder):
    """The environment of somebody who has not used the program yet."""
    return {f"EDGEDEPLOY_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE")}


def test_a_push_that_ends_before_the_network_has_loaded_nothing_for_it(tmp_path, git_home):
    assert not NETWORK & imported("init", "decks", "--dir", str(tmp_path / "decks"), **alone(tmp_path))
    modules = imported("push", str(tmp_path / "decks"), **alone(tmp_path))
    assert "edgedeploy.flows.push" in modules
    assert "git" in modules, "it opens the repository, and there is no release in it"
    assert not NETWORK & modules


def test_what_is_asked_over_a_cable_loads_neither_ssh_nor_git(tmp_path):
    modules = imported("status", "--via", "serial", "--port", str(tmp_path / "none"), **alone(tmp_path))
    assert "edgedeploy.flows.ask" in modules
    assert not modules & {"cryptography", "git", "paramiko", "rich", "zeroconf"}


def test_ssh_is_loaded_while_mdns_is_asked_and_not_before():
    script = (
        "import sys, threading\n"
        "from edgedeploy.discover import mdns\n"
        "from edgedeploy.flows import adapters\n"
        "assert not {'paramiko', 'cryptography'} & set(sys.modules)\n"
        "def browse(*_, **__):\n"
        "    for thread in threading.enumerate():\n"
        "        if thread is not threading.main_thread(): thread.join()\n"
        "    return ['paramiko' in sys.modules]\n"
        "mdns.browse = browse\n"
        "ask = adapters.over_mdns(())\n"
        "assert 'paramiko' not in sys.modules\n"
        "print(ask(3.0, lambda _seen: False))\n"
    )
    said = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[True]\n"
