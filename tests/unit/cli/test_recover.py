from __future__ import annotations

import json

import pytest

from edgedeploy.cli import main
from edgedeploy.cli import recover as command
from edgedeploy.core import errors
from edgedeploy.flows.rescue.mends import Mend
from edgedeploy.wires.serial import ports


@pytest.fixture(autouse=True)
def nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("EDGEDEPLOY_PORT", raising=False)
    monkeypatch.setattr(ports, "here", lambda *_: [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gateway", "10.0.0.1"], "--gateway needs --address"),
        (["--address", "10.0.0.9"], "is no machine's address with its network's length"),
        (["--address", "10.0.0.0/24"], "is no machine's address"),
        (["--address", "10.0.0.255/24"], "is no machine's address"),
        (["--address", "10.0.0.900/24"], "that is no address"),
        (["--address", "10.0.0.9/24", "--gateway", "10.0.1.1"], "not in the network of 10.0.0.9/24"),
        (["--address", "10.0.0.9/24", "--gateway", "10.0.0.9"], "not in the network of 10.0.0.9/24"),
        (["--board", "No Such"], "is not a valid board profile name"),
    ],
)
def test_what_was_typed_wrong(capsys, words, said):
    assert main.run(["recover", *words]) == 2
    assert said in capsys.readouterr().err


def test_no_cable(capsys):
    assert main.run(["recover", "--json"]) == 11
    out, err = capsys.readouterr()
    assert "there is no USB-serial cable plugged in" in err
    assert json.loads(out)["error"]["exit_code"] == 11


@pytest.fixture
def person(monkeypatch):
    """Somebody at the terminal who answers these."""

    def answers(*lines):
        left = list(lines)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_: left.pop(0))

    return answers


def test_each_mend_is_asked_for_with_what_would_be_typed(capsys, person):
    mend = Mend("sshd", "start sshd again", "PATH=x\nsystemctl restart ssh")
    person("y", "n", "")
    assert command._confirm(mend, yes=False)
    assert "start sshd again:\n    PATH=x\n    systemctl restart ssh" in capsys.readouterr().err
    assert not command._confirm(mend, yes=False)
    assert command._confirm(mend, yes=False), "Enter is yes to what does no harm"
    person("?", "perhaps", "No")
    capsys.readouterr()
    assert not command._confirm(mend, yes=False)
    said = capsys.readouterr().err
    assert said.count("y: type these lines on the board   n: leave this as it is") == 2
    assert "what it does: start sshd again\nrisk: sessions that are open go on" in said


def test_a_step_without_a_risk_says_that_it_has_none(capsys, person):
    person("?", "n")
    command._confirm(Mend("link-up", "switch eth0 on", "ip link set eth0 up"), yes=False)
    said = capsys.readouterr().err
    assert "what it does: switch the port and its bridge on\nrisk: none; what works now goes on working\n" in said


def test_what_may_do_harm_is_asked_for_even_with_yes(capsys, person):
    mend = Mend("writable", "mount it writable", "mount", safe=False)
    person("", "y")
    assert not command._confirm(mend, yes=True), "Enter is no"
    assert "may do harm" in capsys.readouterr().err
    assert command._confirm(mend, yes=True)


def test_nobody_there_means_no(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert not command._confirm(Mend("sshd", "x", "y"), yes=False)
    assert command._confirm(Mend("sshd", "x", "y"), yes=True)
    assert not command._confirm(Mend("writable", "x", "y", safe=False), yes=True)
    assert command._ask_address() is None


def test_an_address_is_asked_for_until_it_is_one(capsys, person):
    person("10.0.0.9", "", "10.0.0.9/24", "10.0.0.1")
    wish = command._ask_address()
    assert (str(wish.address), wish.gateway) == ("10.0.0.9/24", "10.0.0.1")
    assert "such as --address" in capsys.readouterr().err
    person("")
    assert command._ask_address() is None


def test_gateway_alone_is_refused_in_words():
    with pytest.raises(errors.UsageFault):
        command._wish(None, "10.0.0.1")
