"""The program's edges: exit codes, the voice of an error, and what --json, -v and a closed pipe do."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from edgedeploy.cli import exitcodes, failures, main, options, program, words
from edgedeploy.cli.group import LazyGroup
from edgedeploy.core import errors

ROOT = Path(__file__).parents[3]


@click.command("boom")
@click.argument("how", default="nothing")
@options.as_json
@options.dry_run
@options.host
@options.timeout
@options.interface
@options.on
@options.pass_session
def boom(session, *, how, as_json, dry_run, host, timeout, interfaces, board):
    raised = {
        "edge": errors.DoesNotFit("it does\x1b[31m not fit", hint="another \x07kernel", details=("one\ntwo",)),
        "bug": ZeroDivisionError("by zero"),
        "ours": errors.Bug("broken promise", details=("seen",)),
        "abort": click.Abort(),
        "ctrl-c": KeyboardInterrupt(),
        "file": click.FileError("some.toml", "is gone"),
        "pipe": BrokenPipeError(32, "a wire, not our stdout"),
    }
    if how in raised:
        raise raised[how]
    if how == "code":
        return 20
    click.echo(
        json.dumps([dry_run, str(host), timeout, list(interfaces), board, session.verbosity, str(session.config)])
    )
    return None


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*argv):
        code = main.run(list(argv))
        said = capsys.readouterr()
        return code, said.out, said.err

    sections = {"Daily": {"boom": ("boom_home:boom", "Break.")}}
    monkeypatch.setattr(program.cli, "sections", sections)
    monkeypatch.setitem(sys.modules, "boom_home", sys.modules[__name__])
    return run


def test_an_error_says_what_and_what_next_and_is_harmless_to_the_terminal(run):
    code, out, err = run("boom", "edge")
    assert (code, out) == (20, "")
    assert err == "edgedeploy: it does\\x1b[31m not fit\n  one\n  two\nhint: another \\x07kernel\n"


@pytest.mark.parametrize("argv", [("boom", "--json", "edge"), ("boom", "edge", "--json")])
def test_with_json_the_error_is_one_object_on_stdout(run, argv):
    code, out, err = run(*argv)
    assert code == 20
    assert err
    assert json.loads(out)["error"] == {
        "code": "does-not-fit",
        "exit_code": 20,
        "message": "it does\x1b[31m not fit",
        "hint": "another \x07kernel",
        "details": ["one\ntwo"],
    }


def test_even_a_wrong_command_line_answers_in_json(run):
    code, out, _ = run("boom", "--json", "--no-such-option")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "usage-fault"


def test_wrong_usage(run):
    code, out, err = run("boom", "--no-such-option")
    assert (code, out) == (2, "")
    assert err.startswith("edgedeploy: no such option")
    assert err.endswith("hint: edgedeploy boom --help\n")
    assert run("nonsense")[0] == 2
    assert run("boom", "file")[0] == 2


@pytest.mark.parametrize("how", ["abort", "ctrl-c"])
def test_interrupted(run, how):
    assert run("boom", how) == (130, "", "edgedeploy: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_process_is_said(number):
    at_work = "import os; from edgedeploy.cli import main, program\n"
    at_work += f"program.cli.invoke = lambda ctx: os.kill(os.getpid(), {number:d})\nmain.main()"
    done = _spawn(at_work, "status")
    assert (done.returncode, done.stderr.decode()) == (130, f"edgedeploy: interrupted by {number.name}\n")


def test_nohup_stays_in_force():
    at_work = "import os; from edgedeploy.cli import main, program\n"
    at_work += f"program.cli.invoke = lambda ctx: os.kill(os.getpid(), {signal.SIGHUP:d})\nmain.main()"
    done = _spawn(at_work, "status", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("how", "words"),
    [("bug", "ZeroDivisionError: by zero"), ("ours", "broken promise"), ("pipe", "BrokenPipe")],
)
def test_a_bug_says_so_and_where_the_traceback_is(run, how, words, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, out, err = run("boom", how)
    assert (code, out) == (1, "")
    assert f"this is a bug in edgedeploy: {words}" in err
    assert "Traceback" not in err
    (written,) = tmp_path.iterdir()
    assert str(written) in err
    assert "Traceback" in written.read_text()


def test_v_shows_the_traceback_of_a_bug_and_of_nothing_else(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert "Traceback" in run("-v", "boom", "bug")[2]
    assert "Traceback" in run("boom", "bug", "-v")[2]
    assert "Traceback" not in run("-v", "boom", "edge")[2]


def test_a_command_reports_a_state_by_returning_its_exit_code(run):
    assert run("boom", "code")[0] == 20


def test_shared_options(run, monkeypatch):
    argv = [
        "-v",
        "boom",
        "-v",
        "--dryrun",
        "--host",
        "[::1]:22",
        "-t",
        "2m",
        "--interface",
        "eth0",
        "--on",
        "stage",
    ]
    assert json.loads(run(*argv)[1]) == [True, "[::1]:22", 120.0, ["eth0"], "stage", 2, "None"]
    monkeypatch.setenv("EDGEDEPLOY_INTERFACES", "eth0,wlan0")
    monkeypatch.setenv("EDGEDEPLOY_BOARD", "rack-7")
    monkeypatch.setenv("EDGEDEPLOY_CONFIG", "from-env")
    said = json.loads(run("boom", "-n", "-q")[1])
    assert said == [True, "None", None, ["eth0", "wlan0"], "rack-7", -1, "from-env"]
    assert json.loads(run("-c", "flag", "boom")[1])[-1] == "flag"
    assert json.loads(run("boom", "-c", "late")[1])[-1] == "late"


@pytest.mark.parametrize("bad", ["a b", "host:0", "host:70000", "[host]:22", "-x", "1:2:zz", ""])
def test_addresses_that_are_none(bad):
    with pytest.raises(errors.UsageFault, match="is not an address"):
        options.parse_host(bad)


@pytest.mark.parametrize("good", ["board.local", "10.0.0.1:2222", "fe80::1%eth0", "[fe80::1%eth0]:22"])
def test_addresses(good):
    parsed = options.parse_host(good)
    assert str(parsed).strip("[]") == good.strip("[]")


@pytest.mark.parametrize("bad", ["0", "-1", "soon", "1d"])
def test_durations_that_are_none(run, bad):
    assert run("boom", "-t", bad)[0] == 2


def test_a_group_lists_its_commands_without_loading_them(run):
    before = set(sys.modules)
    code, out, _ = run()
    assert code == 0
    assert "Daily:\n  boom  Break.\n" in out
    assert not {name for name in set(sys.modules) - before if name.startswith("edgedeploy.")}


@pytest.mark.parametrize(
    ("name", "summary"), [(name, line) for rows in words.SECTIONS.values() for name, (_, line) in rows.items()]
)
def test_the_line_in_the_table_is_the_command_s_own(name, summary):
    command = program.cli.get_command(click.Context(program.cli), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.get_short_help_str(limit=500) == summary


def test_nested_groups_get_the_shared_options_too():
    group = click.Group("lab", commands={"up": click.Command("up"), "odd": click.Command("odd")})
    group.commands["odd"].params.append(click.Option(["-q"]))
    options.add_everywhere(group)
    assert {name for p in group.commands["up"].params for name in p.opts} >= {"-v", "-q", "-c"}
    assert sum("-q" in p.opts for p in group.commands["odd"].params) == 1
    assert isinstance(LazyGroup("x", sections={}), click.Group)


def test_never_prompts_without_a_terminal():
    with pytest.raises(errors.UsageFault) as caught:
        options.Session().confirm("erase everything?", yes=False)
    assert caught.value.hint == "add --yes"
    options.Session().confirm("erase everything?", yes=True)


def test_exit_codes_page_is_the_committed_one():
    assert (ROOT / "docs/exit-codes.md").read_text() == exitcodes.page(), "run python -m edgedeploy.cli.exitcodes"


def test_slugs_are_unique():
    slugs = [failures.slug(cls) for cls in errors.leaves()]
    assert len(slugs) == len(set(slugs))


def _spawn(code, *argv, **kwargs):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *argv],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
        **kwargs,
    )


def test_a_reader_that_leaves_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "edgedeploy", "--help"],
        cwd=ROOT,
        stdout=write,
        check=False,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(("shell", "word"), [("bash", b"complete -o"), ("zsh", b"#compdef"), ("fish", b"function")])
def test_completion_scripts(shell, word):
    done = _spawn("import edgedeploy.cli.main as m; m.main()", "completion", shell)
    assert done.returncode == 0
    assert word in done.stdout


def test_completion_answers(tmp_path):
    (tmp_path / "config.toml").write_text('[apps.decks]\npath = "/x"\n[apps.other]\npath = "/y"\n')
    env = {
        **os.environ,
        "EDGEDEPLOY_CONFIG_DIR": str(tmp_path),
        "_EDGEDEPLOY_COMPLETE": "bash_complete",
        "COMP_WORDS": "edgedeploy rel",
        "COMP_CWORD": "1",
    }
    done = _spawn("import edgedeploy.cli.main as m; m.main()", env=env)
    assert b"plain,release" in done.stdout
