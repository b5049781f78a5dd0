"""Manifests and the domain configurations written from them."""

from __future__ import annotations

import copy
import json
import uuid
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import errors, release, xlcfg, xlconf

SHA = "ab" * 32
DATA: dict[str, Any] = {
    "version": 1, "app": "decks", "release": "r1", "boards": ["cubieboard2"],
    "domain": {"name": "decks", "memory_mb": 96, "vcpus": 1, "vifs": [{"bridge": "xenbr0", "mac": "00:16:3e:00:00:20"}],
               "cmdline": "console=hvc0 quiet"},
    "artefacts": [
        {"role": "kernel", "file": "decks.xen.xz", "codec": "xz", "packed_size": 5, "packed_sha256": SHA, "size": 9, "sha256": SHA},
        {"role": "ramdisk", "file": "ramdisk.cpio.xz", "codec": "xz", "packed_size": 5, "packed_sha256": SHA, "size": 9, "sha256": SHA},
    ],
    "health": {"address": "192.168.1.20", "port": 80, "path": "/", "status": 200, "timeout_s": 60, "serves": {"/": SHA}},
}  # fmt: skip


def manifest(**changes: Any) -> release.Manifest:
    return release.from_json({**copy.deepcopy(DATA), **changes})


def changed(path: str, value: object) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    *parents, last = path.split(".")
    place: Any = data
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    return data


def test_a_manifest_reads_back() -> None:
    assert release.loads(release.dumps(manifest())) == manifest()


def test_the_uuid_says_app_release_artefacts_and_domain_and_nothing_else() -> None:
    base = manifest().uuid
    assert manifest().uuid == base
    assert release.from_json(changed("health.timeout_s", 5)).uuid == base
    for path, value in [
        ("app", "other"), ("release", "r2"), ("artefacts.0.sha256", "cd" * 32), ("artefacts.1.sha256", "cd" * 32),
        ("domain.memory_mb", 97), ("domain.cmdline", "x"),
    ]:  # fmt: skip
        assert release.from_json(changed(path, value)).uuid != base, path


def test_how_it_takes_the_others_place_is_written_only_where_somebody_chose() -> None:
    assert b"swap" not in release.dumps(manifest())
    chosen = manifest(swap={"how": "in-place", "keep_previous_min": 0})
    assert release.loads(release.dumps(chosen)).swap == release.Swap("in-place", 0)
    assert chosen.uuid == manifest().uuid, "the guest is the same"
    assert chosen.content_key != manifest().content_key, "and yet the board must be told"
    for wrong in ({"how": "often"}, {"keep_previous_min": -1}, {"keep_previous_min": 1441}, {"when": 1}):
        with pytest.raises(errors.BadRepository):
            manifest(swap=wrong)


def test_the_uuid_is_pinned_because_boards_in_the_field_compare_it() -> None:
    assert manifest().uuid == "e4ce5f6e-02d6-508b-8864-293b018cef87"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("app", "../x", "app"), ("release", "a/b", "release"), ("domain.name", 'x"; kernel="/etc', "name"),
        ("domain.cmdline", 'quiet" extra="x', "cmdline"), ("domain.cmdline", "a\nb", "cmdline"),
        ("domain.memory_mb", "96", "memory_mb"), ("domain.memory_mb", True, "memory_mb"), ("domain.memory_mb", 0, "memory_mb"),
        ("domain.gic_version", "v4", "gic_version"), ("domain.gic_version", ["v3"], "gic_version"),
        ("domain.vifs.0.bridge", "xenbr0,script=/tmp/x", "bridge"), ("domain.vifs.0.mac", "x", "mac"),
        ("artefacts.0.file", "../../boot/vmlinuz", "file"), ("artefacts.0.file", ".hidden", "file"),
        ("artefacts.0.codec", "exe", "codec"), ("artefacts.0.sha256", "AB" * 32, "sha256"), ("artefacts", [], "artefacts"),
        ("health.address", "example.org", "address"), ("health.path", "/ HTTP/1.0\r\nX: y", "path"),
        ("health.serves", {"/": "x"}, "serves"), ("version", 2, "version"), ("surprise", 1, "surprise"),
    ],
)  # fmt: skip
def test_every_bad_field_is_refused_by_name(path: str, value: object, said: str) -> None:
    with pytest.raises(errors.BadRepository, match=said):
        release.from_json(changed(path, value))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b" " * (release.MANIFEST_LIMIT + 1)])
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(errors.BadRepository):
        release.loads(raw)


def test_the_interrupt_controller_is_written_only_when_it_is_chosen() -> None:
    """So that manifests stay what agents read that do not know the key, and domains keep their UUIDs."""
    plain = manifest()
    assert b"gic" not in release.dumps(plain)
    assert "gic" not in xlconf.render(plain, PurePosixPath("/var/k"), None)
    chosen = release.from_json(changed("domain.gic_version", "v3"))
    assert (chosen.domain.gic_version, release.loads(release.dumps(chosen))) == ("v3", chosen)
    assert xlcfg.read_template(xlconf.render(chosen, PurePosixPath("/var/k"), None))["gic_version"] == "v3"
    assert chosen.uuid != plain.uuid
    assert release.from_json(changed("domain.gic_version", "default")) == plain


def test_the_domain_configuration_is_written_field_by_field() -> None:
    text = xlconf.render(manifest(), PurePosixPath("/var/k"), PurePosixPath("/var/r"))
    values = xlcfg.read_template(text)
    assert values["name"] == "decks"
    assert values["uuid"] == manifest().uuid
    assert values["vif"] == ["mac=00:16:3e:00:00:20,bridge=xenbr0"]
    assert (values["kernel"], values["ramdisk"], values["memory"]) == ("/var/k", "/var/r", "96")
    assert values["on_crash"] == values["on_watchdog"] == "preserve"


def test_a_value_that_would_break_out_of_its_quotes_is_a_bug_not_a_configuration() -> None:
    with pytest.raises(errors.Bug):
        xlconf.render(manifest(), PurePosixPath('/var/k" x="'), None)


def test_json_is_stable() -> None:
    assert json.loads(release.dumps(manifest())) == release.to_json(manifest())


@given(st.text())
def test_a_domains_uuid_is_a_uuid5(name: str) -> None:
    assert release._uuid5(name) == str(uuid.uuid5(uuid.UUID(bytes=release._NAMESPACE), name))
