"""The deploy key, in every form that a variable of CI may hold; what is none is told without being shown."""

from __future__ import annotations

import base64

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.gitssh.deploykey import DeployKey
from tests.sshd import keypair, public


@pytest.fixture
def path(tmp_path):
    return keypair(tmp_path / "key")


FORMS = {
    "as it is": lambda text: text,
    "without its last newline": lambda text: text.rstrip("\n"),
    "with blanks around": lambda text: f"\n  {text}  \n",
    "from a Windows clipboard": lambda text: text.replace("\n", "\r\n"),
    "with newlines written out": lambda text: text.replace("\n", "\\n"),
    "with a byte order mark": lambda text: f"\ufeff{text}",
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 with lines": lambda text: base64.encodebytes(text.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_key(path, form):
    text = path.read_text()
    assert text.count("\n") > 3
    given = DeployKey.given(FORMS[form](text))
    assert given.text == text
    assert public(path).startswith(given.public)
    assert text.split("\n")[2] not in repr(given)


def test_a_path_is_read(path, monkeypatch):
    assert DeployKey.given(str(path)).text == path.read_text()
    monkeypatch.setenv("HOME", str(path.parent))
    assert DeployKey.given("~/key").text == path.read_text()


def test_a_file_may_hold_it_in_base64(path, tmp_path):
    (tmp_path / "packed").write_text(base64.b64encode(path.read_bytes()).decode())
    assert DeployKey.given(str(tmp_path / "packed")).text == path.read_text()


def test_what_is_nearly_base64_is_told(path):
    with pytest.raises(errors.UsageFault, match="not all of it"):
        DeployKey.given(base64.b64encode(path.read_bytes()).decode()[:40] + "\u00e9")


def test_a_line_of_a_key_that_looks_like_a_path_is_not_shown():
    line = "/" + "A1b2" * 17
    with pytest.raises(errors.UsageFault) as told:
        DeployKey.given(line)
    assert line[:20] not in told.value.message


def test_a_key_with_a_passphrase_is_no_use(tmp_path):
    with pytest.raises(errors.UsageFault, match="has a passphrase"):
        DeployKey.given(keypair(tmp_path / "locked", passphrase="secret").read_text())


def test_the_public_half_is_named(path):
    with pytest.raises(errors.UsageFault, match="public half"):
        DeployKey.given(public(path))


@pytest.mark.parametrize("cut", [60, 200, 300])
def test_a_key_of_which_a_part_is_missing_is_not_shown(path, cut):
    for whole in (path.read_text(), base64.b64encode(path.read_text().encode()).decode(), path.read_text()[36:].strip()):
        with pytest.raises(errors.UsageFault) as told:
            DeployKey.given(whole[:cut])
        said = f"{told.value.message} {told.value.hint} {told.value.details}"
        assert not any(whole[at : at + 20] in said for at in range(40, cut - 20))


def test_a_path_that_is_wrong_is_named(tmp_path):
    with pytest.raises(errors.UsageFault, match="nokey: No such file"):
        DeployKey.given(str(tmp_path / "nokey"))
