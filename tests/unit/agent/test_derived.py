"""Releases of the original scripts on the board: what they amount to there is what they amount to on the laptop."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedeploy.agent import config, derived, facts, neighbour, status
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import Layout
from edgedeploy.core import errors, names, packing, release
from edgedeploy.core.packing import Codec
from edgedeploy.core.release import ALIVE_ONLY
from edgedeploy.depot.repo import Depot
from tests.unit.agent.model import ID, ORIGINAL, ModelBoard, git

DOCS = Path(__file__).parents[3] / "docs/deployment-repository.md"
ANSWERS = "192.0.2.20"

# --- on the model board ---------------------------------------------------------------------------------------------


def asked(model: ModelBoard) -> None:
    """The board was told at its enrolment where the app answers."""
    model.told(address="127.0.0.1", page=f":{model.xen.port}/")


def test_a_release_of_the_original_scripts_goes_on_air(model: ModelBoard) -> None:
    asked(model)
    model.original("1" * 40)
    outcome = model.deploy()
    (guest,) = model.xen.guests.values()
    assert (outcome["verdict"], outcome["running"], outcome["uuid"]) == ("live", "1" * 40, guest.uuid)
    assert (guest.name, guest.memory_mb, outcome["reason"]) == ("decks", 96, "")
    assert guest.uuid == Depot.open(model.work).manifest(names.ReleaseId("1" * 40)).uuid
    model.xen.calls.clear()
    assert model.deploy()["verdict"] == "already-live"
    assert model.xen.calls == []


def test_without_an_address_every_verdict_says_that_it_is_only_known_to_be_alive(model: ModelBoard) -> None:
    for name in ("r1", "r2"):
        model.original(name)
        outcome = model.deploy()
        assert (outcome["verdict"], outcome["reason"]) == ("live", ALIVE_ONLY)
    back = model.board.rollback(model.app, None, "anna")
    assert (back["running"], back["reason"]) == ("r1", ALIVE_ONLY)
    assert model.board.pull(model.app, "cron")["verdict"] == "quarantined"


def test_it_is_pulled_and_one_that_does_not_answer_is_rolled_back(model: ModelBoard) -> None:
    asked(model)
    model.original("r1")
    assert model.board.pull(model.app, "cron")["verdict"] == "live"
    model.xen.serves["r2"] = None
    model.original("r2")
    outcome = model.board.pull(model.app, "cron")
    assert (outcome["verdict"], outcome["running"]) == ("rolled-back", "r1")


def test_the_way_back_crosses_the_border_in_both_directions(model: ModelBoard) -> None:
    asked(model)
    model.original("old1")
    assert model.deploy()["running"] == "old1"
    model.release("new1")
    assert model.deploy()["running"] == "new1"
    assert model.board.rollback(model.app, None, "anna")["running"] == "old1"
    model.original("old2")
    assert model.deploy()["running"] == "old2"
    model.release("new2")
    assert model.deploy()["running"] == "new2"
    model.original("old3")
    assert model.deploy()["running"] == "old3"
    assert model.board.rollback(model.app, names.ReleaseId("new2"), "anna")["running"] == "new2"


@pytest.mark.parametrize("beside", [False, True])
def test_the_same_kernel_with_another_template_is_another_release_of_the_same_id(model: ModelBoard, beside: bool) -> None:
    asked(model)
    model.network.why = "" if beside else model.network.why
    model.original("r1")
    first = str(model.deploy()["uuid"])
    model.original("r1", ORIGINAL.replace("96", "128"))
    outcome = model.deploy()
    second = str(outcome["uuid"])
    assert (outcome["verdict"], first != second) == ("live", True)
    assert sorted(guest.memory_mb for guest in model.xen.guests.values()) == ([96, 128] if beside else [128])
    back = model.board.rollback(model.app, None, "anna")
    assert (back["uuid"], back["running"]) == (first, "r1")
    assert status.apps(model.board)["decks"]["quarantined"] == [second]
    # a third one that dies brings the first one back, and boots it after a power cut
    model.xen.dies.add("r1")
    model.original("r1", ORIGINAL.replace("96", "64"))
    model.xen.on_create = lambda: model.xen.dies.clear()
    outcome = model.deploy()
    assert (outcome["verdict"], outcome["uuid"]) == ("rolled-back", first)
    model.board.gc(model.app)
    model.xen.power_cut()
    assert model.board.boot()["decks"] in ("live", "quarantined", "already-live")
    assert [guest.uuid for guest in model.xen.guests.values()] == [first]


def test_of_two_with_one_id_the_way_back_is_to_the_one_before_and_never_to_one_that_failed(model: ModelBoard) -> None:
    asked(model)
    model.original("r1")
    first = model.deploy()["uuid"]
    model.xen.dies.add("r1")
    model.original("r1", ORIGINAL.replace("96", "128"))
    model.xen.on_create = model.xen.dies.clear
    assert model.deploy()["verdict"] == "rolled-back"
    model.original("r2")
    model.deploy()
    assert model.board.rollback(model.app, names.ReleaseId("r1"), "anna")["uuid"] == first
    model.original("r1", ORIGINAL.replace("96", "64"))
    model.deploy()
    # r1 is on air, and r1 is the one before: back means the other one
    assert model.board.rollback(model.app, names.ReleaseId("r1"), "anna")["uuid"] == first


def test_releases_of_one_id_push_no_others_out(model: ModelBoard) -> None:
    for name, memory in (("r1", "96"), ("r2", "96"), ("r3", "96"), ("r3", "64"), ("r3", "96"), ("r3", "64")):
        model.original(name, ORIGINAL.replace("96", memory))
        model.deploy()
    model.board.gc(model.app)
    kept = (model.layout.app(model.app).folder / "releases").glob("*.json")
    assert sorted(path.name[:2] for path in kept if len(path.stem) < 9) == ["r1", "r2", "r3"]
    assert model.board.rollback(model.app, names.ReleaseId("r1"), "anna")["running"] == "r1"


@pytest.mark.parametrize("lost", [b"", b"\0" * 400])
def test_a_record_that_a_power_cut_emptied_keeps_nothing_else_off_the_air(model: ModelBoard, lost: bytes) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")
    second = model.deploy()["uuid"]
    layout = model.layout.app(model.app)
    layout.manifest(names.ReleaseId("r1")).write_bytes(lost)
    before = {*layout.artefacts.iterdir(), *layout.domains.iterdir()}
    model.board.gc(model.app)
    assert {*layout.artefacts.iterdir(), *layout.domains.iterdir()} == before, "whose they are cannot be known"
    model.xen.power_cut()
    model.board.boot()
    assert [guest.uuid for guest in model.xen.guests.values()] == [second]


def test_staged_and_never_activated_it_takes_nothing_away(model: ModelBoard) -> None:
    asked(model)
    model.original("r1")
    first = model.deploy()["uuid"]
    commit = model.original("r1", ORIGINAL.replace("96", "128"))
    repo = model.board.repo(model.app)
    repo.git("fetch", "--quiet", str(model.remote), "main")
    record = Attempt(model.layout.state / "attempt", "push")
    model.board.stage(model.app, names.CommitId(commit), None, record)
    record.close()
    model.xen.serves["r2"] = None
    model.original("r2")
    outcome = model.deploy()
    assert (outcome["verdict"], outcome["uuid"]) == ("rolled-back", first)


def test_a_rollback_to_one_that_is_only_alive_says_so_beside_the_reason(model: ModelBoard) -> None:
    model.original("r1")
    model.deploy()
    model.release("r2")
    model.xen.dies.add("r2")
    outcome = model.deploy()
    assert (outcome["verdict"], str(outcome["reason"]).endswith(f"; {ALIVE_ONLY}")) == ("rolled-back", True)


def test_a_question_unpacks_nothing(model: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "unpack", None)
    model.original("r1")
    model.fetch()
    assert status.apps(model.board)["decks"]["wanted"] == "r1"


def test_its_kernel_is_unpacked_once_and_a_damaged_note_of_it_is_made_anew(
    model: ModelBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[object] = []
    real = packing.unpack
    monkeypatch.setattr(packing, "unpack", lambda *args, **more: unpacked.append(args) or real(*args, **more))
    model.original("r1")
    model.deploy()
    status.apps(model.board)
    assert status.apps(model.board)["decks"]["wanted"] == "r1"
    assert len(unpacked) == 1
    (note,) = (model.layout.app(model.app).folder / "originals").glob("*.json")
    note.write_bytes(b"\0" * 40)
    assert model.deploy()["verdict"] == "already-live"
    assert len(unpacked) == 2


def test_it_may_not_fill_the_board_s_disk(model: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    model.original("r1")
    monkeypatch.setattr(facts, "free_disk", lambda _: (8 << 20) + 4095)
    with pytest.raises(errors.NoRoom, match="unpacks to more than"):
        model.deploy()
    assert not [*model.layout.app(model.app).artefacts.glob(".unpack.*")]


def test_what_is_wrong_is_told_and_what_is_good_stays_on_air(model: ModelBoard) -> None:
    model.original("r1")
    model.deploy()
    for template, why in (("memory = 'lots'", "cannot be understood"), ("import os", r"in:1"), ("", "is fine")):
        model.original("r2", template)
        (model.work / "xen/r2/decks.xen.bz2").write_bytes(b"BZh91AY&SY damaged")
        model.commit(readme=template)
        with pytest.raises(errors.BadRepository, match="damaged" if why == "is fine" else why):
            model.deploy()
        assert [guest.name for guest in model.xen.guests.values()] == ["decks"]
    model.told(address="everywhere")
    with pytest.raises(errors.BadConfig, match=r"agent\.toml: apps\.decks: 'everywhere' is not an IP address"):
        model.deploy()


def test_its_edgedeploy_toml_says_what_the_scripts_did_not(model: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "bridges", lambda: ("xenbr0",))
    monkeypatch.setattr(facts, "networks", lambda: ("xenbr0 127.0.0.0/8",))
    monkeypatch.setattr(neighbour, "holder", lambda *_: "")
    port = model.xen.port
    (model.work / "edgedeploy.toml").write_text(
        'app = "decks"\nboards = ["virtual-armv7"]\n[domain]\nmemory = 64\n[network]\naddress = "127.0.0.1/8"\n'
        f'[health]\nport = {port}\ntimeout = 1\n'
    )
    model.original("r1")
    outcome = model.deploy()
    assert (outcome["verdict"], outcome["reason"]) == ("live", "")
    (guest,) = model.xen.guests.values()
    assert guest.memory_mb == 64
    (model.work / "edgedeploy.toml").write_text('app = "mail"\n')
    model.original("r2")
    with pytest.raises(errors.BadRepository, match="is of the app mail, wanted decks"):
        model.deploy()


# --- every option, on the board's side ------------------------------------------------------------------------------

REFUSED = errors.DoesNotFit
UNREAD = errors.BadRepository
TAKEN = None
_PASS = ("device_tree dtdev irqs iomem ioports pci usbdev usbctrl rdm gfx_passthru passthrough", REFUSED)
_DEVICES = ("vtpm p9 pvcalls vfb vkb vdispl vsnd channel virtio tee sve arm_sci acpi bootloader driver_domain", REFUSED)
_LIMITS = ("maxmem maxvcpus cpus pool cpu_weight cap vnuma vuart seclabel max_grant_frames", TAKEN)
_X86 = ("vnc hpet firmware device_model_override", TAKEN)
OPTIONS = {
    "name = '@NAME@'": TAKEN, "name = '@VM@'": TAKEN, "name = 'mort.io'": TAKEN, "memory = 0x40": TAKEN, "memory = 'lots'": UNREAD,
    "vcpus = 2": TAKEN, "gic_version = 'v2'": TAKEN, "gic_version = 'v9'": UNREAD, "vif = ['bridge=xenbr0']": TAKEN,
    "vif = [\n  # one\n  'mac=00:16:3e:00:00:01',\n]": TAKEN, "vif = ['bridge=xenbr0,script=vif-route']": UNREAD,
    "vif = ['bridge=xenbr0,backend=net']": UNREAD, "cmdline = 'a'": TAKEN, "root = '/dev/a'; extra = 'b'": TAKEN,
    "kernel = '@KERNEL@'": TAKEN, "uuid = 'x'": TAKEN, "on_crash = 'restart'": TAKEN, "type = 'pv'": TAKEN, "type = 'hvm'": REFUSED,
    "builder = 'hvm'": REFUSED, "ramdisk = '/boot/initrd'": REFUSED,
    "disk = ['phy:/dev/a,xvda,w']": REFUSED, "disk = [ @DISK@ ]": TAKEN,
    "disk = ['@DISK@']": TAKEN, "unheard_of = 1": TAKEN,
    **{f"{key} = ['x']": fate for keys, fate in (_PASS, _DEVICES, _LIMITS, _X86) for key in keys.split()},
}  # fmt: skip
"""a line of xl.conf.in -> the error that the board refuses it with"""


@pytest.fixture
def made(tmp_path: Path) -> Originals:
    return Originals(tmp_path)


@pytest.mark.parametrize("line", OPTIONS)
def test_every_option_has_the_fate_on_the_board_that_it_has_on_the_laptop(made: Originals, line: str) -> None:
    made.store(f"{line}\n")
    if fate := OPTIONS[line]:
        with pytest.raises(fate):
            made.on_the_board()
    else:
        assert made.on_the_board() == made.on_the_laptop()


def test_an_option_that_the_profile_allows_starts_all_the_same(made: Originals) -> None:
    made.store("irqs = [88]\n")
    with pytest.raises(errors.DoesNotFit, match="cannot carry") as caught:
        made.on_the_board()
    assert "irqs" in caught.value.details[0]
    assert made.on_the_board(passthrough=("irqs",)) == made.on_the_laptop()


def test_every_option_of_the_documentation_is_tried() -> None:
    _, table = DOCS.read_text().split("### What becomes of each option of xl.conf.in")
    table = table.partition("\n#")[0]
    rows = [line.split("|")[1] for line in table.split("\n") if line.startswith("| ") and "`" in line]
    named = {word for row in rows for word in re.findall(r"`([a-z_0-9*]+)", row)}
    tried = {word for line in OPTIONS for word in re.findall(r"(?:^|; )(\w+) =", line)}
    left = {word for word in named if not any(re.fullmatch(word.replace("*", ".*"), one) for one in tried)}
    assert left == set()
    assert len(named) > 40


# --- laptop and board, any repository -------------------------------------------------------------------------------


class Originals:
    """A repository of the original scripts, and both ways to read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "deployment"
        self.layout = Layout(folder / "board")
        git("init", "--quiet", "--initial-branch=main", self.folder)

    def store(
        self, template: str, kernel: bytes = b"kernel", *, vm: str = "decks", codec: Codec = Codec.BZ2, config: str = ""
    ) -> None:
        """One more release, as CI stored it."""
        self.release = names.ReleaseId(f"{len([*self.folder.glob('xen/*')]):040x}")
        for path, data in (
            (f"xen/{self.release}/{vm}.xen{codec.suffix}", packing.pack(kernel, codec)),
            (f"xen/{self.release}/config.ml", b"open Mirage\n"), ("xen/latest", f"{self.release}\n".encode()),
            ("xl.conf.in", template.encode()), ("edgedeploy.toml", config.encode()),
        ):  # fmt: skip
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        if not config:
            (self.folder / "edgedeploy.toml").unlink()
        git("-C", self.folder, "add", "--all")
        git("-C", self.folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "deploy")

    def on_the_laptop(self) -> release.Manifest:
        return Depot.open(self.folder).manifest(self.release)

    def on_the_board(self, passthrough: tuple[str, ...] = (), app: str = "decks") -> release.Manifest:
        apps = {names.AppName(app): config.AppConfig()}
        board = config.AgentConfig(ID, names.BoardName("b"), names.ProfileName("cubieboard2"), apps, passthrough)
        repo = GitRepo(self.folder, "main", lambda *wanted: derived.manifest(self.layout, board, *wanted))
        head = repo.head()
        assert head
        found = repo.manifest(head, names.AppName(app))
        assert found
        return found


SHAPES = {
    "a folder called like a kernel": ("xen/{release}/old.xen/x", b"x"),
    "a folder in the place of edgedeploy.toml": ("edgedeploy.toml/x", b"x"),
    "a kernel in a folder": ("xen/{release}/old/mail.xen", b"x"),
    "many bytes in few letters": ("xl.conf.in", ("# " + "ü" * 40_000 + "\nmemory = 64\n").encode()),
    "a template that is too long": ("xl.conf.in", b"# " + b"x" * 70_000),
    "a template that is far too long": ("xl.conf.in", b"# " + b"x" * (1 << 20)),
    "a template of Windows": ("xl.conf.in", b"\xef\xbb\xbfmemory = 64\r\nvif = [\r\n]\r\n"),
    "a template in another encoding": ("xl.conf.in", b"# M\xfcller\nmemory = 64\n"),
    "a name that is no UTF-8": ("xen/{release}/M\udcfcller.ml", b"x"),
    "a second kernel": ("xen/{release}/mail.xen.bz2", b"x"),
    "a kernel that nobody could name": ("xen/{release}/.decks.xen", b"x"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_laptop_and_board_read_the_same_out_of_an_odd_one(made: Originals, shape: str) -> None:
    made.store("memory = 96\n")
    name, data = SHAPES[shape]
    file = made.folder / name.format(release=made.release)
    if "nobody" in shape:
        (made.folder / f"xen/{made.release}/decks.xen.bz2").unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    git("-C", made.folder, "add", "--all")
    git("-C", made.folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "odd")
    here, there = (seen(read) for read in (made.on_the_laptop, made.on_the_board))
    assert here == there


def seen(read: Callable[[], release.Manifest]) -> object:
    """A manifest, or why there is none; any other error than this fails the test."""
    try:
        return read()
    except errors.BadRepository as error:
        return error.message


_WORDS = st.text(st.characters(codec="ascii", exclude_characters="\n"), max_size=12)
_VALUES = st.one_of(
    st.sampled_from(["'@NAME@'", "'@VM@'", '"@KERNEL@"', "@DISK@", "[ @DISK@ ]", "256", "0x40", "[]"]),
    st.integers(0, 300).map(str),
    st.lists(st.sampled_from(["'bridge=br0'", "'mac=00:16:3e:00:00:01, bridge=xenbr1'", '"a"', "# c\n 'x'"]), max_size=2).map(
        lambda some: f"[ {', '.join(some)}\n ]"
    ),
    _WORDS.map(lambda text: f"'{text}'"),
)
_KEYS = st.sampled_from([
    "name", "memory", "vcpus", "vif", "extra", "root", "cmdline", "kernel", "on_crash", "disk", "gic_version", "vnc", "maxmem", "irqs",
    "foo",
])  # fmt: skip
_LINES = st.one_of(
    st.tuples(_KEYS, st.sampled_from(["=", " = ", "+="]), _VALUES).map("".join), _WORDS.map(lambda text: f"# {text}"), st.just("")
)
_TEMPLATES = st.lists(_LINES, max_size=6).map("\n".join)
_TOML = st.sampled_from([
    "", "", "", 'app = "decks"\n', f'app = "decks"\n[network]\naddress = "{ANSWERS}/24"\n', 'app = "decks"\nmemroy = 1\n', "app = [",
])  # fmt: skip


@settings(max_examples=60)
@given(
    _TEMPLATES, st.binary(min_size=1, max_size=64), st.sampled_from(["decks", "Decks", "de.cks", "mir-decks", "a_b"]),
    st.sampled_from([Codec.BZ2, Codec.GZ, Codec.XZ, Codec.NONE]), _TOML,
)  # fmt: skip
def test_laptop_and_board_read_the_same_out_of_any_repository(
    tmp_path_factory: pytest.TempPathFactory, template: str, kernel: bytes, vm: str, codec: Codec, toml: str
) -> None:
    made = Originals(tmp_path_factory.mktemp("any"))
    made.store(template, kernel, vm=vm, codec=codec, config=toml)
    try:
        here: release.Manifest | tuple[str, tuple[str, ...]] = made.on_the_laptop()
    except errors.EdgeError as error:
        here = (error.message, error.details)
        with pytest.raises(type(error)) as there:
            made.on_the_board()
        assert (there.value.message, there.value.details) == here
        return
    assert isinstance(here, release.Manifest)
    findings = Depot.open(made.folder).contents(made.release).findings
    if findings.misfits:
        with pytest.raises(errors.DoesNotFit):
            made.on_the_board(app=here.app)
    else:
        there_too = made.on_the_board(app=here.app)
        assert (there_too, there_too.uuid) == (here, here.uuid)
