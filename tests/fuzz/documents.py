"""Targets that read text: configuration, manifests, announcements, board profiles."""

from __future__ import annotations

import functools
import json
import re
import tempfile
from pathlib import Path, PurePosixPath

from edgedeploy.agent import config as agent_config
from edgedeploy.cli import settings
from edgedeploy.core import announce, board, errors, fit, kernel, names, project, release, strict, xlcfg, xlconf, xllint
from edgedeploy.profiles import structure
from tests import kernels
from tests.fuzz import texts
from tests.fuzz.target import Target, ensure, ours

VM = names.DomainName("decks")
DIGEST = "ab" * 32
# a template may ask for anything: it is fit.check that refuses it, not the reader
MANIFEST = {
    "version": 1, "app": "decks", "release": "r1", "boards": ["cubieboard2"],
    "domain": {"name": "decks", "memory_mb": 96, "vcpus": 1, "vifs": [{"bridge": "br0", "mac": "00:16:3e:00:00:01"}], "cmdline": "q"},
    "artefacts": [
        {"role": role, "file": f"{role}.xz", "codec": "xz", "packed_size": 1, "packed_sha256": DIGEST, "size": 2, "sha256": DIGEST}
        for role in ("kernel", "ramdisk")
    ],
    "health": {"address": "10.0.0.2", "port": 80, "path": "/", "status": 200, "timeout_s": 9, "serves": {"/a": DIGEST}},
}  # fmt: skip


def xl_conf(data: bytes) -> None:
    """xl.conf.in: literals only; a domain that nothing is wrong with survives being written and read again."""
    try:
        domain, found = xllint.read(data.decode(errors="replace"), VM, "decks.xen")
    except errors.BadRepository as error:
        return ours(error, errors.BadRepository)
    for said in (*found.misfits, *found.warnings):
        ensure(said.code and said.hint and said.line().isprintable(), said)
    if not found.misfits:
        _written(_manifest_with(domain))
    return None


def manifest(data: bytes) -> None:
    """manifest.json: typed all through, and what was read is what is written."""
    try:
        found = release.loads(data)
    except errors.BadRepository as error:
        return ours(error, errors.BadRepository)
    ensure(release.loads(release.dumps(found)) == found, "not what was written:", found)
    ensure(len(found.uuid) == 36 and len(found.content_key) == 64, found.uuid)
    if found.health:
        ensure(re.fullmatch(r"[0-9a-fA-F.:]+(%[A-Za-z0-9._-]+)?", found.health.address), repr(found.health.address))
    _written(found)
    return None


def _written(found: release.Manifest) -> None:
    text = xlconf.render(found, PurePosixPath("/k"), PurePosixPath("/r") if found.ramdisk else None)
    back = xlcfg.read_template(text)
    ensure((back["name"], back["extra"]) == (found.domain.name, found.domain.cmdline), text)
    ensure((back["memory"], back["vcpus"]) == (str(found.domain.memory_mb), str(found.domain.vcpus)), text)
    ensure(back["uuid"] == found.uuid, text)
    ensure(set(back) <= {"name", "uuid", "kernel", "ramdisk", "extra", "memory", "vcpus", "vif",
                         "on_poweroff", "on_crash", "on_reboot", "on_watchdog", "gic_version"}, text)  # fmt: skip


def _manifest_with(domain: release.Domain) -> release.Manifest:
    whole = release.from_json(MANIFEST)
    return release.Manifest(whole.app, whole.release, whole.boards, domain, whole.artefacts, whole.health)


def project_toml(data: bytes) -> None:
    """edgedeploy.toml, by the three that read a part of it or a file like it."""
    try:
        found = project.loads(data)
    except errors.BadConfig as error:
        ours(error, errors.BadConfig)
    else:
        ensure(names.CommandLine.fits(found.domain.cmdline), found.domain.cmdline)
        for path in (found.build.kernel, found.build.ramdisk, found.build.slides, *found.health.serves.values()):
            ensure(path is None or (not path.is_absolute() and ".." not in path.parts), path)
        _written(_manifest_with(found.domain))
    _settings(data)


def _settings(data: bytes) -> None:
    """The user's file, and the part of the project's that every command reads."""
    folder = _folder()
    for user, here in ((data, b""), (b"", data)):
        (folder / "config.toml").write_bytes(user)
        (folder / "edgedeploy.toml").write_bytes(here)
        try:
            found = settings.load(folder / "config.toml", folder)
        except errors.BadConfig as error:
            ours(error, errors.BadConfig)
        else:
            ensure(all(entry.name == name and entry.path.is_absolute() for name, entry in found.apps.items()), found)


def agent_toml(data: bytes) -> None:
    """/etc/edgedeploy/agent.toml; what was read is what is written."""
    path = _folder() / "agent.toml"
    path.write_bytes(data)
    try:
        found = agent_config.load(path)
    except errors.BadConfig as error:
        return ours(error, errors.BadConfig)
    ensure(agent_config.parse(agent_config.render(found), "again") == found, found)
    return None


def profile(data: bytes) -> None:
    """boards/*.toml; a profile that loads can be asked about any kernel."""
    try:
        found = structure.parse(data, names.ProfileName("fuzzed"), Path("fuzzed.toml"))
    except errors.BadConfig as error:
        ours(error, errors.BadConfig)
        return ensure(error.details or "TOML" in error.message or "UTF-8" in error.message, "no reason:", error.message)
    json.dumps(board.to_plain(found))
    for info in _kernels():
        for misfit in fit.check(info, fit.DomainNeeds(256), found):
            ensure(misfit.code and misfit.hint, misfit)
    return None


@functools.cache
def _kernels() -> tuple[kernel.KernelInfo, ...]:
    return tuple(map(kernel.probe, (kernels.zimage(), kernels.image64(), kernels.solo5(1), kernels.x86_mirage(), b"")))


def reader(data: bytes) -> None:
    """core.strict over any JSON: every question, and no exception but the fault it was given."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    for ask in _QUESTIONS:
        try:
            table = strict.Reader(value, "it", errors.ProtocolMismatch)
            answer = ask(table)
            table.done()
        except errors.ProtocolMismatch as error:
            ours(error, errors.ProtocolMismatch)
        else:
            ensure(set(value) <= {"a"}, "let an unknown key pass", answer)
    for read in (board.BoardFacts.from_plain, board.Misfit.from_plain):
        try:
            found = read(value)
        except errors.ProtocolMismatch as error:
            ours(error, errors.ProtocolMismatch)
        else:
            ensure(read(found.to_plain()) == found, found)


_QUESTIONS = (
    lambda r: r.text("a", "", limit=8), lambda r: r.whole("a", 1, low=-2, high=9), lambda r: r.flag("a", False),
    lambda r: r.choice("a", ("x", "y"), "x"), lambda r: r.name("a", names.AppName.parse, None), lambda r: r.rows("a", [], limit=3),
    lambda r: r.names("a", names.FileName.parse, limit=3), lambda r: r.items("a", {}, limit=3), lambda r: r.raw("a"),
    lambda r: r.table("a", {}).text("a", ""), lambda r: r.text("a"),
)  # fmt: skip


def txt(data: bytes) -> None:
    """TXT strings, each after its length as in DNS; then the text of an Avahi service file."""
    records, rest = [], data
    while rest:
        records.append(rest[1 : 1 + rest[0]])
        rest = rest[1 + rest[0] :]
    pairs: dict[bytes, bytes | None] = {}
    for record in records:
        key, equals, value = record.partition(b"=")
        pairs.setdefault(key, value if equals else None)
    try:
        found = announce.parse_txt(pairs)
    except announce.BadAnnouncement as refusal:
        return ensure(str(refusal).isprintable() and len(str(refusal)) < 400, repr(str(refusal)))
    words = [found.board_id, found.profile, found.agent, *found.apps, *found.ignored]
    words += [*found.forwards, *found.forwards.values(), *(word for word in found.apps.values() if word)]
    ensure(all(word.isprintable() and len(word) <= 300 for word in words), words)
    ensure(len(found.apps) <= announce.APPS and len(found.forwards) <= announce.FORWARDS, "too much of it")
    if found.more < 9000:
        back = announce.parse_txt(announce.txt_pairs(announce.txt_records(found)))
        ensure(back.forwards == found.forwards and not back.ignored, back)
        ensure(len(back.apps) + back.more == len(found.apps) + found.more, back)
    return None


def avahi(data: bytes) -> None:
    """The board's own service file."""
    try:
        port, records = announce.parse_avahi_service_xml(data.decode(errors="replace"))
    except announce.BadAnnouncement as refusal:
        return ensure(str(refusal).isprintable(), repr(str(refusal)))
    ensure(1 <= port <= 65535 and all(isinstance(record, str) for record in records), port, records)
    return None


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp())  # below TMPDIR, which the engine makes and removes


def _manifests() -> list[bytes]:
    scoped = {**MANIFEST, "health": {"address": "fe80::1%xenbr0"}}
    return [json.dumps(one).encode() for one in (MANIFEST, scoped)]


TARGETS = (
    Target("xl-conf", xl_conf, texts.xl_seeds, texts.XL_WORDS, max_len=2000),
    Target("manifest", manifest, _manifests, texts.JSON_WORDS),
    Target("project-toml", project_toml, texts.project_seeds, texts.TOML_WORDS, max_len=8000),
    Target("agent-toml", agent_toml, texts.agent_seeds, texts.TOML_WORDS, max_len=8000),
    Target("profile", profile, texts.profile_seeds, texts.TOML_WORDS, max_len=8000),
    Target("strict", reader, texts.json_seeds, texts.JSON_WORDS),
    Target("txt", txt, texts.txt_seeds, texts.TXT_WORDS, max_len=3000),
    Target("avahi", avahi, texts.avahi_seeds, texts.XML_WORDS, max_len=2000),
)
