"""The unix runtime, with real processes: what Xen's runtime promises holds for it, too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import confine, supervisor
from edgedeploy.agent.console import ConsoleTail
from edgedeploy.agent.processes import Processes
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running
from edgedeploy.core import cpio, cpioread
from tests.guard import until

SERVES = "import time; print('up', flush=True); time.sleep(3600)"
STARTS_ANOTHER = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {SERVES!r}], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


class Machine:
    """A folder of configurations and the runtime beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.configs = folder, folder / "domains"
        self.configs.mkdir()
        self.runtime = Processes(folder / "run")

    def config(self, code: str = SERVES, *, name: str = "decks", **other: Any) -> Path:
        """Of a release that is a line of Python."""
        path = self.configs / f"{uuid.uuid4()}.cfg"
        said = {
            "name": name, "uuid": path.stem, "memory_mb": 16, "program": sys.executable, "arguments": ["-c", code],
            "ramdisk": "", "env": {"PATH": "/usr/bin:/bin"}, "app": "decks", "port": 8080, **other,
        }  # fmt: skip
        path.write_text(json.dumps(said))
        return path

    def start(self, *words: Any, as_name: str = "", **other: Any) -> Running:
        path = self.config(*words, **other)
        self.runtime.create(path, as_name)
        return self.one(path.stem)

    def one(self, which: str) -> Running:
        (found,) = [domain for domain in self.runtime.domains() if domain.uuid == which]
        return found

    def record(self, domain: Running) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.folder / "run" / f"{domain.domid}.json").read_bytes())
        return said

    def end(self, *doomed: Running) -> None:
        self.runtime.end(doomed, self.configs, ())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.end(*made.runtime.domains())
    assert not made.runtime.domains()


def alive(pid: int) -> bool:
    return supervisor.started(pid) > 0 and b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()


def gone(pid: int) -> Callable[[], bool]:
    def is_gone() -> bool:
        try:
            return not alive(pid)
        except OSError:
            return True

    return is_gone


def said(machine: Machine, domain: Running, words: str) -> list[str]:
    """What its console says, once it has said these words."""
    tail = ConsoleTail(machine.runtime.console(domain.domid))
    try:
        until(lambda: any(words in line for line in tail.lines()), f"the console says {words!r}")
        return tail.lines()
    finally:
        tail.close()


def test_it_runs_and_is_ended_with_all_that_it_has_started(machine: Machine) -> None:
    domain = machine.start(STARTS_ANOTHER)
    assert (domain.name, domain.memory_mb, domain.dead, domain.paused) == ("decks", 16, False, False)
    below = int(next(line for line in said(machine, domain, "up") if line.isdigit()))
    assert alive(below)
    machine.end(domain)
    assert machine.runtime.domains() == []
    assert gone(below)()
    assert [path.name for path in (machine.folder / "run").iterdir() if path.name not in ("lock", "last")] == []
    machine.end(domain)  # what is gone is no error


@pytest.mark.parametrize(
    ("program", "state"), [("print('bye')", "---s--"), ("raise SystemExit(3)", "----c-"), ("import os; os.abort()", "----c-")]
)
def test_what_ends_by_itself_is_kept_as_evidence(machine: Machine, program: str, state: str) -> None:
    path = machine.config(f"print('last words', flush=True); {program}")
    machine.runtime.create(path)
    until(lambda: machine.one(path.stem).dead, "it has ended")
    domain = machine.one(path.stem)
    assert domain.state == state
    assert "last words" in said(machine, domain, "last words")


def test_a_paused_one_is_seen_to_be_and_goes_on(machine: Machine) -> None:
    domain = machine.start()
    machine.runtime.pause(domain.domid)
    until(lambda: machine.one(domain.uuid).paused, "it is stopped")
    machine.runtime.unpause(domain.domid)
    until(lambda: not machine.one(domain.uuid).paused, "it goes on")
    machine.runtime.pause(domain.domid)
    machine.end(machine.one(domain.uuid))


def test_two_may_not_have_one_name_and_one_may_be_given_another(machine: Machine) -> None:
    first = machine.start()
    with pytest.raises(CommandFailed) as caught:
        machine.start()
    assert "a process of the name decks already exists" in caught.value.words
    beside = machine.start(as_name="decks.r2")
    machine.runtime.rename(first.domid, "decks.r1")
    machine.runtime.rename(beside.domid, "decks")
    assert {domain.name: domain.uuid for domain in machine.runtime.domains()} == {"decks.r1": first.uuid, "decks": beside.uuid}
    assert beside.domid > first.domid
    machine.end(machine.one(beside.uuid))
    assert machine.start().domid > beside.domid, "a number is not given twice: the console's words are kept by it"


def test_it_is_ended_by_its_uuid_too(machine: Machine) -> None:
    domain, other = machine.start(), machine.start(name="other")
    machine.runtime.end((), machine.configs, {domain.uuid})
    assert [one.uuid for one in machine.runtime.domains()] == [other.uuid]


def test_its_files_are_where_it_stands_and_gone_afterwards(machine: Machine, tmp_path: Path) -> None:
    entries = [cpio.file("www/index.html", b"<h1>One</h1>"), cpio.link("latest", "www")]
    ramdisk = tmp_path / "ramdisk.cpio"
    ramdisk.write_bytes(cpio.pack(entries) + cpio.pack([cpio.file("www/index.html", b"<h1>Two</h1>")]))
    domain = machine.start(f"print(open('latest/index.html').read(), flush=True); {SERVES}", ramdisk=str(ramdisk))
    assert "<h1>Two</h1>" in said(machine, domain, "<h1>")
    place = Path(os.readlink(f"/proc/{machine.record(domain)['pid']}/cwd"))
    assert place.stat().st_mode & 0o777 == 0o700
    machine.end(domain)
    assert not place.exists()


def test_what_a_person_types_at_the_console_reaches_it(machine: Machine) -> None:
    domain = machine.start(f"print('hello ' + input(), flush=True); {SERVES}")
    place = machine.runtime.console(domain.domid)
    assert place
    with place.open("wb", buffering=0) as terminal:
        terminal.write(b"anna\n")
    said(machine, domain, "hello anna")
    assert machine.runtime.console(9999) is None


def test_it_can_gain_no_privileges_and_knows_only_what_it_is_told(machine: Machine) -> None:
    domain = machine.start(env={"PATH": "/bin", "PORT": "8080"})
    said(machine, domain, "up")
    pid = machine.record(domain)["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1\n" in status
    told = {line.partition(b"=")[0] for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if line}
    assert told == {b"PATH", b"PORT", b"EDGEDEPLOY_RECORD"}
    assert len(os.listdir(f"/proc/{pid}/fd")) == 3


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"program": "/nowhere/server"}, "No such file"),
        ({"program": "/dev/null"}, "Permission denied"),
        ({"ramdisk": "/etc/hostname"}, "it is no cpio archive"),
        ({"ramdisk": "/nowhere/ramdisk"}, "No such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_started_says_why_and_leaves_nothing(machine: Machine, other: dict[str, str], why: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        machine.start(**other)
    assert why in caught.value.words
    assert machine.runtime.domains() == []
    assert [path.name for path in (machine.folder / "run").iterdir() if path.name not in ("lock", "last")] == []


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", json.dumps({"name": "x"})])
def test_a_configuration_that_is_none_is_named(machine: Machine, text: str) -> None:
    path = machine.configs / "x.cfg"
    path.write_text(text)
    for act in (machine.runtime.validate, machine.runtime.create):
        with pytest.raises(CommandFailed) as caught:
            act(path)
        assert str(path) in caught.value.words


def test_when_its_supervisor_is_killed_nothing_goes_on_unseen(machine: Machine) -> None:
    domain = machine.start(STARTS_ANOTHER)
    below = int(next(line for line in said(machine, domain, "up") if line.isdigit()))
    record = machine.record(domain)
    os.kill(record["supervisor"], signal.SIGKILL)
    until(lambda: not machine.runtime.domains(), "it does not count any more")
    until(gone(record["pid"]), "the process went with it")
    machine.start()  # and what that one had started goes with the next start
    until(gone(below), "so has what that one had started")
    assert not (machine.folder / "run" / f"{domain.domid}.files").exists()


def test_a_number_that_is_another_processs_by_now_is_not_taken_for_ours(machine: Machine) -> None:
    domain = machine.start()
    record = machine.record(domain)
    machine.end(domain)
    (machine.folder / "run" / f"{domain.domid}.json").write_text(json.dumps({**record, "supervisor": os.getpid()}))
    assert machine.runtime.domains() == []
    machine.end(domain)
    assert alive(os.getpid())


def test_a_flood_that_nobody_reads_stops_nothing(machine: Machine) -> None:
    domain = machine.start(f"print('x' * 1000000, flush=True); open('done', 'w').close(); {SERVES}")
    place = machine.folder / "run" / f"{domain.domid}.files/done"
    until(place.exists, "it goes on")


def test_the_machine_is_described(machine: Machine) -> None:
    info = machine.runtime.info()
    assert info["machine"] == os.uname().machine
    assert 0 < int(info["free_memory"]) <= int(info["total_memory"])
    assert (machine.runtime.watched(machine.configs), machine.runtime.macs(1)) == (set(), set())


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../out", "link/file"],
)  # fmt: skip
def test_no_archive_leaves_its_folder(tmp_path: Path, name: str) -> None:
    good = cpio.pack([cpio.file("a" * len(name), b"x")])
    bad = good.replace(b"a" * len(name), name.encode())
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"archive|link"):
        cpioread.unpack(cpio.pack([cpio.link("link", str(tmp_path))]) + bad, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_an_archive_that_is_cut_short_is_told(tmp_path: Path) -> None:
    whole = cpio.pack([cpio.file("file", b"x" * 1000)])
    with pytest.raises(ValueError, match="ends in the middle"):
        cpioread.unpack(whole[:300], tmp_path)


@pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0,
    reason="there is nobody else whom a program could be but for root, and no /tmp of its own in a container that allows none",
)
@pytest.mark.parametrize(("port", "may"), [(8080, 0), (80, 1 << 10)])
def test_a_program_of_root_is_nobody_and_may_nothing_but_listen(tmp_path: Path, port: int, may: int) -> None:
    made = Machine(tmp_path)
    made.runtime = Processes(tmp_path / "run", own_users=True)
    ramdisk = tmp_path / "ramdisk"
    ramdisk.write_bytes(cpio.pack([cpio.Entry("www/index.html", 0o100644, b"hello")]))
    mine = f"/tmp/mine-{os.getpid()}-{port}"
    lines = f"id -u; cat www/index.html > mine; cat mine > /dev/stdout; echo > {mine}; echo up > /dev/stderr; sleep 3600 & wait"
    domain = made.start(program="/bin/sh", arguments=["-c", lines], ramdisk=str(ramdisk), app="decks", port=port)
    try:
        words = said(made, domain, "up")
        user = confine.user_of("decks")
        assert 61184 <= user <= 65519
        assert words[0].strip() == str(user)
        assert "hello" in "".join(words)
        pid = made.record(domain)["pid"]
        status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(user)}
        assert (status["NoNewPrivs"], status["Groups"].strip()) == ("1", "")
        assert {int(status[kind], 16) for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {may}
        assert not Path(mine).exists(), "its temporary files are its own"
        assert " /tmp rw,nosuid,nodev" in Path(f"/proc/{pid}/mountinfo").read_text()
    finally:
        made.end(domain)
