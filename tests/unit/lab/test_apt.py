from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.lab import tools
from edgedeploy.lab.bake import apt

TARGETS = """\
Debian|bookworm-security|http://m/debian-security/
Debian|bookworm-updates|http://m/debian/
Debian|bookworm|http://m/debian/
Somebody|bookworm|http://other/
$(ORIGIN)|$(CODENAME)|http://never-fetched/
"""


def test_the_mirrors_are_this_computers_own() -> None:
    assert apt.parse_mirrors(TARGETS) == [
        apt.Mirror("bookworm", "http://m/debian/"),
        apt.Mirror("bookworm-security", "http://m/debian-security/"),
        apt.Mirror("bookworm-updates", "http://m/debian/"),
    ]


def test_a_newer_debians_mirror_serves_too() -> None:
    assert apt.parse_mirrors("Debian|trixie|http://m/\n") == [
        apt.Mirror("bookworm", "http://m/"),
        apt.Mirror("bookworm-updates", "http://m/"),
    ]


def test_a_computer_without_a_debian_mirror_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEDEPLOY_DEBIAN_MIRROR", raising=False)
    monkeypatch.setattr(tools, "run", lambda *_, **__: "Ubuntu|jammy|http://u/\n")
    with pytest.raises(errors.UsageFault, match="no Debian mirror") as caught:
        apt.find_mirrors()
    assert "EDGEDEPLOY_DEBIAN_MIRROR" in caught.value.hint


def test_a_mirror_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDEPLOY_DEBIAN_MIRROR", "http://mine/")
    assert {mirror.uri for mirror in apt.find_mirrors()} == {"http://mine/"}


def test_sources_are_signed_where_the_keyring_is_known() -> None:
    mirrors = [apt.Mirror("bookworm", "http://m/")]
    assert apt.sources(mirrors, Path("/k.gpg")) == "deb [signed-by=/k.gpg] http://m/ bookworm main\n"
    assert apt.sources(mirrors, None) == "deb http://m/ bookworm main\n"


def test_the_configuration_stays_in_its_folders_and_runs_no_hooks() -> None:
    text = apt.config(Path("/c/apt"), Path("/c/debs"))
    assert 'Dir::Cache::archives "/c/debs";' in text
    assert 'Dir::State::status "/c/apt/status";' in text
    assert "#clear DPkg::Post-Invoke;" in text
    assert "Acquire::http" not in text, "proxies are the computer's own"


def test_uris_are_parsed() -> None:
    output = "Reading...\n'http://m/p/x_1%3a2_armhf.deb' x_1%3a2_armhf.deb 123 SHA256:00\nNeed to get\n"
    assert apt.parse_uris(output) == [apt.Deb("x", "x_1%3a2_armhf.deb", 123)]
