"""The agent's small pure parts: schedule, configuration, xl's words, the program that is installed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from edgedeploy.agent import (
    __main__,
    compiled,
    config,
    console,
    facts,
    gitsetup,
    install,
    records,
    run,
    schedule,
    setup,
    tick,
    usage,
    xen,
)
from edgedeploy.agent.layout import Layout
from edgedeploy.core import errors, health, names, packing, release
from edgedeploy.flows import enrol
from edgedeploy.remote import agentkit
from tests.unit.agent.model import artefact, git


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", schedule.DEFAULT),
        ("# a comment\n\nMAILTO=root\n", schedule.DEFAULT),
        ("\ufeff# a comment\r\n@daily\r\n", "0 0 * * *"),
        ("*/11 * * * * cd $HOME/mirage-decks-deployment && git pull\n", "*/11 * * * *"),
        ("0,30 8-18/2 * jan-mar mon-fri x", "0,30 8-18/2 * jan-mar mon-fri"),
        ("@hourly x", "0 * * * *"),
        ("@never", ""),
    ],
)
def test_the_schedule_is_five_fields_and_never_a_command(text: str, fields: str) -> None:
    assert schedule.parse(text) == fields
    assert "git pull" not in schedule.cron_file(names.AppName("decks"), fields).decode()


@pytest.mark.parametrize(
    "text",
    [
        "* * * *",
        "$(reboot) * * * * x",
        "@reboot x",
        "61;x * * * *",
        "*\t*\t*\t*\t;",
        "60 * * * * x",
        "* * 0 * * x",
        "*/0 * * * *",
        "mon * * * *",
        "* * sun * *",
        "5-1 * * * *",
        "*/90 * * * *",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(errors.BadRepository, match="not a cron schedule"):
        schedule.parse(text)


def test_configuration_reads_back() -> None:
    wanted = config.AgentConfig(
        names.BoardId("00112233aabbccdd"), names.BoardName("stage"), names.ProfileName("cubieboard2"),
        {names.AppName("decks"): config.AppConfig('git://x/"quoted"', "main")},
    )  # fmt: skip
    assert config.parse(config.render(wanted), "agent.toml") == wanted


@pytest.mark.parametrize("remote", ["--upload-pack=reboot", "a\x1b[2Jb"])
def test_a_remote_that_is_an_option_or_an_escape_is_refused(remote: str) -> None:
    text = f'[board]\nid="00112233aabbccdd"\nname="x"\nprofile="rpi4"\n[apps.decks]\nremote={json.dumps(remote)}\n'
    with pytest.raises(errors.BadConfig):
        config.parse(text, "agent.toml")


def test_xl_list_is_read_with_its_dead_and_nameless_domains() -> None:
    text = (
        "Name                                        ID   Mem VCPUs\tState\tTime(s)\tUUID Reason-Code Security-Label\n"
        "Domain-0     0   256     2     r-----      58.6 00000000-0000-0000-0000-000000000000        -    none\n"
        "decks        3    96     1     -b----       1.9 7d3f0b5e-3e0c-5a53-9a3e-000000000001        -    none\n"
        "(null)       4    96     1     --ps-d       0.0 7d3f0b5e-3e0c-5a53-9a3e-000000000002        0    none\n"
        "mail         5    96     1     ---sc-       0.1 7d3f0b5e-3e0c-5a53-9a3e-000000000003        3    none\n"
    )
    assert [(d.name, d.domid, d.dead) for d in xen.parse_list(text)] == [
        ("decks", 3, False), ("(null)", 4, True), ("mail", 5, True),
    ]  # fmt: skip


def test_a_failing_command_keeps_its_words_and_explains_what_is_known() -> None:
    with pytest.raises(run.CommandFailed) as caught:
        run.run(["sh", "-c", "echo 'xc: no loader found \033[31m' >&2; exit 3"], timeout=5)
    assert "status 3" in caught.value.message
    assert "edgedeploy check" in caught.value.hint
    assert "\033" not in "".join(caught.value.details)


def test_a_hanging_and_a_missing_command_end_in_a_sentence() -> None:
    with pytest.raises(run.CommandFailed, match="did not end in 0 s"):
        run.run(["sleep", "5"], timeout=0.2)
    with pytest.raises(run.CommandFailed, match="could not be started"):
        run.run(["/nonexistent"], timeout=1)


def test_the_console_tail_keeps_the_last_lines_and_no_escapes() -> None:
    master, slave = os.openpty()
    tail = console.ConsoleTail(Path(os.ttyname(slave)))
    os.write(master, b"".join(b"line %d\r\n" % n for n in range(100)) + b"\x1b[2Jpanic\r\n")
    try:
        for _ in range(100):
            if tail.lines(1) and "panic" in tail.lines(1)[0]:
                break
        assert tail.lines(2)[0] == "line 99"
        assert "\x1b" not in tail.lines(1)[0]
    finally:
        tail.close()
        os.close(master)
        os.close(slave)


def test_the_agent_is_small_reproducible_and_stdlib_only(tmp_path: Path) -> None:
    shipped = agentkit.shipped()
    assert len(shipped) <= agentkit.LIMIT
    modules = agentkit.sources()
    assert agentkit.assemble(dict(reversed(modules.items()))) == agentkit.build()
    path = tmp_path / "agent.pyz"
    subprocess.run([sys.executable, "-ISc", enrol._UNPACK, path], input=shipped, check=True)
    assert path.read_bytes() == agentkit.build()
    done = subprocess.run([sys.executable, "-IS", path, "--version"], capture_output=True, text=True, check=True)
    assert agentkit.digest()[:12] in done.stdout


def test_the_installed_program_has_bytecode_and_knows_what_it_came_from(tmp_path: Path) -> None:
    library, command = tmp_path / "lib" / "one", tmp_path / "edgedeploy-agent"
    library.parent.mkdir()
    compiled.library(agentkit.build(), agentkit.digest(), library)
    command.write_bytes(compiled.launcher(agentkit.build(), str(library)))
    argv = [sys.executable, "-IS", "-X", "importtime", "-v", command, "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert agentkit.digest()[:12] in done.stdout
    compiled_here = {line.split("'")[1] for line in done.stderr.splitlines() if "code object from" in line}
    assert not {path for path in compiled_here if path.endswith(".py") and path != str(command)}, "all had its bytecode"
    assert str(library / "edgedeploy/agent/version.py") in done.stderr
    for module in ("runpy", "argparse", "tomllib", "subprocess"):
        assert f"import '{module}'" not in done.stderr, module


def test_a_version_is_installed_whole_and_the_one_before_stays_for_who_runs_it(tmp_path: Path) -> None:
    (tmp_path / "tick").write_text("what cron calls is no version")
    for number in range(4):
        library = tmp_path / f"{number}"
        compiled.library(agentkit.build(), agentkit.digest(), library)
        os.utime(library, (number, number))
        compiled.forget_others(library)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3", "tick"]
    with pytest.raises(zipfile.BadZipFile):
        compiled.library(agentkit.build()[:9000], agentkit.digest(), tmp_path / "4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3", "tick"]
    for name in ("killed.17", "at-work.18"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / "killed.17", (1_600_000_000, 1_600_000_000))
    compiled.library(agentkit.build(), agentkit.digest(), tmp_path / "3")  # another enrolment was quicker
    compiled.forget_others(tmp_path / "3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3", "at-work.18", "tick"]


def test_what_machines_call_is_read_as_argparse_reads_it() -> None:
    app = names.AppName("decks")
    cron = [tick.TEXT.split("edgedeploy-agent\" ")[1].replace('"$app"', app)]
    boot = schedule.BOOT_FILE.decode().split("edgedeploy-agent ")[1].split(" >")[0]
    hook = gitsetup.HOOK.format(app=app).split("edgedeploy-agent ")[-1]
    typed = ["serve", "status", "pull decks --jitter 0.5", "pull decks --jitter 20", "apply --retry decks", "log decks -n 3"]
    for line in [*cron, boot, hook, *typed]:
        quick, usual = vars(__main__.arguments(line.split())), vars(usage.parser().parse_args(line.split()))
        assert quick == usual, line
    with pytest.raises(SystemExit):
        __main__.arguments(["pull", "--jitter", "x"])


class TestSetup:
    plan = {
        "board_id": "00112233aabbccdd", "name": "stage", "profile": "virtual-armv7", "label": "anna@laptop",
        "push_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKEYKEYKEY", "apps": {"decks": ""},
    }  # fmt: skip

    def setup(self, root: Path, *, dry_run: bool = False, **changes: object) -> setup.Setup:
        for tool in install.NEEDED:
            path = root / "bin" / tool
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.symlink_to("/bin/true" if tool != "git" else "/usr/bin/git")
        plan, layout = setup.Plan.from_json(json.dumps({**self.plan, **changes}).encode()), Layout(root / "board")
        return setup.Setup(layout, plan, install.install(layout, agentkit.build(), dry_run=dry_run), dry_run=dry_run)

    def test_says_what_it_changed_and_nothing_the_second_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        (tmp_path / "board/etc/avahi/services").mkdir(parents=True)
        first = self.setup(tmp_path)
        first.run()
        assert any("the agent" in change for change in first.changes)
        assert (tmp_path / "board/var/lib/edgedeploy/apps/decks/repo/.git/hooks/post-merge").stat().st_mode & 0o111
        again = self.setup(tmp_path)
        again.run()
        assert again.changes == []

    def test_the_push_key_may_run_nothing_but_serve(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        keys = tmp_path / "board/root/.ssh/authorized_keys"
        keys.parent.mkdir(parents=True)
        keys.write_text("ssh-rsa AAAAother anna\n")
        self.setup(tmp_path).run()
        other, ours = keys.read_text().splitlines()
        assert other == "ssh-rsa AAAAother anna"
        assert ours.startswith('restrict,command="/usr/local/bin/edgedeploy-agent serve" ssh-ed25519 ')
        assert keys.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(
        "old",
        [
            b"ssh-ed25519 AAAA M\xfcller@pc\n",
            b"# \xff\xfe\0\r\nssh-rsa AAAA anna\r\n",
            b"ssh-rsa AAAA without an end of line",
            b"ssh-rsa AAAA a\x0cb\xc2\x85c\n",
            b"",
        ],
    )
    def test_lines_of_other_keys_stay_as_they_are_whatever_is_in_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes
    ) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        keys = tmp_path / "board/root/.ssh/authorized_keys"
        keys.parent.mkdir(parents=True)
        keys.write_bytes(old)
        self.setup(tmp_path).run()
        kept, end, ours = keys.read_bytes().partition(b"restrict,")
        assert kept.rstrip(b"\n") == old.rstrip(b"\n")
        assert (end, ours.count(b"\n")) == (b"restrict,", 1)
        assert not any("push key" in change for change in self.twice(tmp_path))

    def twice(self, tmp_path: Path) -> list[str]:
        again = self.setup(tmp_path)
        again.run()
        return again.changes

    @pytest.mark.parametrize("machine_id", [b"", b"uninitialized\n", b"\0" * 33, b"0" * 32 + b"\n", b"\xff\n", None])
    def test_a_board_without_a_machine_id_gets_the_laptops(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine_id: bytes | None
    ) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        (tmp_path / "board/etc").mkdir(parents=True)
        if machine_id is not None:
            (tmp_path / "board/etc/machine-id").write_bytes(machine_id)
        assert self.setup(tmp_path).run().board_id == self.plan["board_id"]
        assert self.setup(tmp_path, board_id="f" * 16).run().board_id == self.plan["board_id"], "it keeps what it has"

    def test_a_cron_that_reads_no_folder_of_ours_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        (tmp_path / "board/usr/sbin").mkdir(parents=True)
        (tmp_path / "board/usr/sbin/crond").symlink_to("/bin/busybox")
        work = self.setup(tmp_path)
        work.run()
        (note,) = [change for change in work.changes if change.startswith("note: cron")]
        assert "busybox" in note

    @pytest.mark.parametrize("left", [b"", b"\0" * 120, b"\n"])
    def test_a_configuration_that_a_power_cut_emptied_is_made_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bytes
    ) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        file = Layout(tmp_path / "board").config
        file.parent.mkdir(parents=True)
        file.write_bytes(left)
        with pytest.raises(errors.BadConfig, match="is empty") as caught:
            config.load(file)
        assert caught.value.hint == "edgedeploy enrol HOST"
        assert self.setup(tmp_path).run() == config.load(file)
        file.write_bytes(b"[board]\nid = 'mine'\n")
        with pytest.raises(errors.BadConfig, match="id"):
            self.setup(tmp_path).run()

    def test_an_id_that_is_another_boards_too_is_replaced(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        (tmp_path / "board/etc").mkdir(parents=True)
        (tmp_path / "board/etc/machine-id").write_text("1" * 32 + "\n")
        assert self.setup(tmp_path).run().board_id == names.board_id_of("1" * 32)
        assert self.setup(tmp_path, board_id="f" * 16, own_id=True).run().board_id == "f" * 16
        assert self.setup(tmp_path, board_id="e" * 16).run().board_id == "f" * 16

    def test_the_branch_is_the_remotes_own_where_it_has_no_main(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        remotes = {}
        for branches in ("master", "master main", "main", ""):
            remote = remotes[branches] = tmp_path / f"remote {branches}"
            git("init", "--quiet", "--initial-branch=main", remote)
            for branch in branches.split():
                git("-C", remote, "checkout", "--quiet", "-B", branch)
                git("-C", remote, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--allow-empty", "-m", branch)
            if branches:
                git("-C", remote, "checkout", "--quiet", branches.split()[0])
        self.setup(tmp_path).run()  # it was pushed to before
        # what is pulled already is looked for first
        for branches, wanted in (("master main", "main"), ("main", "main"), ("", "main"), ("master", "master"), ("", "master")):
            made = self.setup(tmp_path, apps={"decks": str(remotes[branches])}).run()
            assert made.apps[names.AppName("decks")].branch == wanted, branches
            if branches == "master":
                repo = Layout(tmp_path / "board").app(names.AppName("decks")).repo
                assert git("-C", repo, "symbolic-ref", "HEAD").strip() == "refs/heads/master"
        # a remote that was silent is asked again, and what a person has chosen for it stays
        nowhere = tmp_path / "nowhere"
        work = self.setup(tmp_path, apps={"mail": str(nowhere)})
        assert work.run().apps[names.AppName("mail")].branch == "main"
        assert any("its branch is taken to be main" in change for change in work.changes)
        remotes["master"].rename(nowhere)
        assert self.setup(tmp_path, apps={"mail": str(nowhere)}).run().apps[names.AppName("mail")].branch == "master"
        git("-C", nowhere, "branch", "stable")
        file = Layout(tmp_path / "board").config
        file.write_text(file.read_text().replace('"master"', '"stable"'))
        assert self.setup(tmp_path, apps={"mail": str(nowhere)}).run().apps[names.AppName("mail")].branch == "stable"
        git("-C", nowhere, "branch", "--delete", "--force", "stable")  # to be pushed again in a moment
        work = self.setup(tmp_path, apps={"mail": str(nowhere)})
        assert work.run().apps[names.AppName("mail")].branch == "stable"
        assert any("has no branch stable" in change for change in work.changes)
        git("-C", nowhere, "checkout", "--quiet", "--detach")
        git("-C", nowhere, "branch", "--delete", "--force", "master")
        work = self.setup(tmp_path, apps={"web": str(nowhere)})
        assert work.run().apps[names.AppName("web")].branch == "main"
        assert any("has neither" in change for change in work.changes)

    def test_what_was_recorded_with_the_old_address_is_asked_at_the_new_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        self.setup(tmp_path, asked={"decks": {"address": "192.0.2.7"}}).run()
        layout = Layout(tmp_path / "board").app(names.AppName("decks"))
        domain = release.Domain(names.DomainName("decks"), 96, 1, (), names.CommandLine(""))
        kernel = artefact("kernel", "decks.xen.xz", b"kernel", packing.Codec.XZ)
        told = release.Manifest(names.AppName("decks"), names.ReleaseId("r1"), (), domain, (kernel,), health.told("192.0.2.7"))
        records.save(layout, told)
        records.save(layout, replace(told, release=names.ReleaseId("r2"), health=health.told("192.0.2.9")))
        self.setup(tmp_path, asked={"decks": {"address": "192.0.2.8", "page": ":8080/"}}).run()
        known = {manifest.release: manifest.health for manifest in records.every(layout).values()}
        assert known == {"r1": health.told("192.0.2.8", ":8080/"), "r2": health.told("192.0.2.9")}

    def test_an_agent_that_cannot_read_the_configuration_takes_no_other_ones_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        self.setup(tmp_path).run()
        layout = Layout(tmp_path / "board")
        layout.config.write_text(layout.config.read_text() + "later = 1\n")
        layout.program.write_text("the one that can")
        with pytest.raises(errors.BadConfig, match="later"):
            self.setup(tmp_path).run()
        assert layout.program.read_text() == "the one that can"

    def test_where_an_app_answers_is_kept_until_it_is_told_anew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        app, told = names.AppName("decks"), {"address": "192.0.2.7", "page": ":8080/x"}
        for changes, wanted in (
            ({}, ("", "")), ({"asked": {"decks": told}, "passthrough": ["irqs"]}, ("192.0.2.7", ":8080/x")),
            ({}, ("192.0.2.7", ":8080/x")),
            ({"asked": {"decks": {"address": "192.0.2.8"}}}, ("192.0.2.8", "")),
        ):  # fmt: skip
            made = self.setup(tmp_path, **changes).run()
            assert (made.apps[app].address, made.apps[app].page) == wanted
            assert config.load(Layout(tmp_path / "board").config) == made
        with pytest.raises(errors.BadConfig, match="everywhere"):
            self.setup(tmp_path, asked={"decks": {"address": "everywhere"}})
        with pytest.raises(errors.BadConfig, match="no page"):
            self.setup(tmp_path, asked={"decks": {"address": "192.0.2.7", "page": "x"}})

    def test_files_that_are_links_stay_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        board = tmp_path / "board"
        for place in ("root/.ssh/authorized_keys", "etc/edgedeploy/agent.toml", "etc/cron.d/edgedeploy"):
            (board / place).parent.mkdir(parents=True)
            (board / place).symlink_to(tmp_path / "persist" / Path(place).name)
        (board / "var").mkdir()
        (tmp_path / "data").mkdir()
        (board / "var/lib").symlink_to(tmp_path / "data")
        self.setup(tmp_path).run()
        for place in ("root/.ssh/authorized_keys", "etc/edgedeploy/agent.toml", "etc/cron.d/edgedeploy", "var/lib"):
            assert (board / place).is_symlink(), place
            assert (board / place).exists(), place

    def test_the_zipapp_is_installed_where_that_was_not_done_yet(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'other/bin'}:{os.environ['PATH']}")
        self.setup(tmp_path / "other")  # the tools
        (tmp_path / "agent.pyz").write_bytes(agentkit.build())
        work = setup.Setup(Layout(tmp_path / "board"), setup.Plan.from_json(json.dumps(self.plan).encode()), tmp_path / "agent.pyz")
        work.run()
        assert Layout(tmp_path / "board").library(agentkit.digest()).is_dir()

    def test_what_comes_after_the_installation_is_loaded_from_it(self, tmp_path: Path) -> None:
        library, program = tmp_path / "lib/one", tmp_path / "agent.pyz"
        library.parent.mkdir()
        program.write_bytes(agentkit.build())
        compiled.library(agentkit.build(), agentkit.digest(), library)
        words = (
            f"import sys; sys.path.insert(0, {str(program)!r})\nfrom pathlib import Path\n"
            f"from edgedeploy.agent import install\ninstall.go_on_in(Path({str(library)!r}))\n"
            "from edgedeploy.agent import setup\nfrom edgedeploy.core import release\nprint(setup.__cached__, release.__cached__)"
        )
        done = subprocess.run([sys.executable, "-ISc", words], capture_output=True, text=True, check=True)
        assert all(path.startswith(str(library)) and Path(path).is_file() for path in done.stdout.split()), done

    def test_a_dry_run_changes_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        work = self.setup(tmp_path, dry_run=True)
        work.run()
        assert work.changes
        assert not (tmp_path / "board").exists()

    @pytest.mark.parametrize("key", ['ssh-ed25519 AAAA" ssh-rsa BBBB', "ssh-ed25519 AAAA\nssh-rsa BBBB", "AAAA"])
    def test_a_push_key_that_would_break_out_of_its_line_is_refused(self, key: str) -> None:
        with pytest.raises(errors.BadConfig, match="push_key"):
            setup.Plan.from_json(json.dumps({**self.plan, "push_key": key}).encode())


def test_it_is_taken_apart_once_and_a_damaged_copy_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDEPLOY_CACHE_DIR", str(tmp_path))
    whole = agentkit.build()
    agentkit.build.cache_clear()
    assert agentkit.build() == whole
    (kept,) = (tmp_path / "agents").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    agentkit.build.cache_clear()
    assert agentkit.build() == whole
    monkeypatch.setattr(agentkit, "assemble", None)
    agentkit.build.cache_clear()
    assert agentkit.build() == whole


def test_where_nothing_can_be_kept_it_is_built_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEDEPLOY_CACHE_DIR", str(tmp_path / "file"))
    whole = agentkit.build()
    agentkit.build.cache_clear()
    assert agentkit.build() == whole


def test_digest_of_the_program_is_the_digest_of_its_bytes() -> None:
    assert agentkit.digest() == hashlib.sha256(agentkit.build()).hexdigest()


@pytest.mark.parametrize(
    ("nodes", "version"),
    [
        ({"interrupt-controller": b"arm,gic-v3\0"}, 3),
        ({"soc/interrupt-controller": b"arm,gic-400\0"}, 2),
        (
            {
                "soc/interrupt-controller@1c81000": b"arm,cortex-a7-gic\0arm,cortex-a15-gic\0",
                "soc/interrupt-controller@1": b"x\0",
            },
            2,
        ),
        ({"interrupt-controller": b"ti,am33xx-intc\0", "soc/bus/interrupt-controller": b"\xff\0arm,gic-v3\0"}, 3),
        ({"interrupt-controller": b"brcm,bcm2836-l1-intc\0"}, None),
        ({}, None),
    ],
)
def test_the_interrupt_controller_is_in_the_device_tree(
    tmp_path: Path, nodes: dict[str, bytes], version: int | None
) -> None:
    for node, compatible in nodes.items():
        (tmp_path / node).mkdir(parents=True)
        (tmp_path / node / "compatible").write_bytes(compatible)
    assert facts.gic(tmp_path) == version
    assert facts.gic(tmp_path / "none") is None
