"""Board profiles: what ships is right, what is wrong is told whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from edgedeploy.core import board, errors
from edgedeploy.profiles import catalog

SHIPPED = Path(__file__).parents[3] / "boards"
GOOD = (SHIPPED / "cubieboard2.toml").read_text()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.delenv(catalog.ENVIRONMENT, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_profile_is_whole(path):
    profile = catalog.load(path.stem)
    assert profile.sources, "every fact has a source"
    assert profile.supported or profile.reason
    assert profile.passthrough == ()
    assert profile.memory.guest_base == board.GUEST_RAM_BASE


def test_the_kinds_that_the_tool_must_know():
    works = {profile.name for profile in catalog.load_all() if profile.supported}
    never = {profile.name for profile in catalog.load_all()} - works
    assert works == {
        "cubieboard2", "cubietruck", "bananapi", "a20-olinuxino-lime2", "orangepi-pc", "arndale", "pine64",
        "rockpro64", "rpi4", "rpi5", "virtual-armv7",
    }  # fmt: skip
    assert never == {"cubieboard1", "beaglebone-black", "rpi1", "rpi2", "rpi3"}


def test_the_virtual_board():
    profile = catalog.load("virtual-armv7")
    assert (profile.cpu.count, profile.memory.total_mb, profile.memory.dom0_mb) == (2, 1024, 256)
    assert (profile.bridge, profile.gic, profile.compatible) == ("xenbr0", 2, ("linux,dummy-virt",))


def test_a_32_bit_guest_never_runs_on_a_pi_5():
    profile = catalog.load("rpi5")
    assert profile.guests == ("aarch64",)
    assert "32-bit" in profile.note


def broken(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(errors.BadConfig) as caught:
        catalog.load("mine", tmp_path)
    assert caught.value.exit_code == 21
    return caught.value


def test_all_faults_are_told_at_once_with_their_keys(tmp_path):
    text = GOOD.replace("count = 2", 'count = "16"').replace('level = "armv7"', 'level = "v7"')
    text = text.replace("virtualization = true", "virtualization = 1\nvirtualisation = true")
    text = text.replace("baud = 115200", "").replace("gic = 2", "gic = 4").replace('["armv7l"]', '["armv7l", "arm"]')
    text = text.replace('title = "Cubieboard2"', "title = 2").replace("dom0_mb = 256", "dom0_mb = true")
    text = text.replace('cores = ["Cortex-A7"]', 'cores = "Cortex-A7"')
    error = broken(tmp_path, text)
    assert set(error.details) == {
        "title: must be text, not 2",
        "gic: must be 2 or 3 (0: none)",
        "guests[1]: must be one of 'armv7l', 'aarch64', not 'arm'",
        "cpu.cores: must be a list, not 'Cortex-A7'",
        "cpu.level: must be one of 'armv6', 'armv7', 'armv8', not 'v7'",
        "cpu.count: must be a whole number, not '16'",
        "cpu.virtualization: must be true or false, not 1",
        "cpu: unknown key 'virtualisation' (did you mean 'virtualization'?)",
        "memory.dom0_mb: must be a whole number, not True",
        "console.baud: is missing",
    }
    assert error.message.endswith("mine.toml: 10 faults")
    assert str(tmp_path / "mine.toml") in error.hint


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("supported = true", "supported = false", "reason: is missing (a board that is not supported says why)"),
        (
            "supported = true",
            'supported = true\nreason = "x"',
            "reason: is for boards that are not supported; use note",
        ),
        ('guests = ["armv7l"]', "guests = []", "guests: a supported board runs at least one kind"),
        ("gic = 2", "gic = 0", "gic: a supported board has one (2 or 3)"),
        ("virtualization = true", "virtualization = false", "cpu.virtualization: Xen cannot run without it"),
        ("count = 2", "count = 0", "cpu.count: must be at least 1"),
        ("dom0_mb = 256", "dom0_mb = 1024", "memory.dom0_mb: leaves nothing of total_mb for guests"),
        ("[512, 1024]", "[512]", "memory.versions_mb: total_mb is not among them"),
        ("title", 'name = "me"\ntitle', "name: unknown key (a profile's name is its file's)"),
        ("title", "a_new_key = 1\ntitle", "unknown key 'a_new_key'"),
        ("[cpu]", "[cpus]", "cpu: is missing"),
    ],
)
def test_contradictions(tmp_path, old, new, fault):
    assert fault in broken(tmp_path, GOOD.replace(old, new, 1)).details


@pytest.mark.parametrize("text", ["title = ", "\udcff", "#" * 70_000])
def test_what_is_no_profile_at_all(tmp_path, text):
    (tmp_path / "mine.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(errors.BadConfig):
        catalog.load("mine", tmp_path)


def test_a_near_miss_is_suggested():
    with pytest.raises(errors.BadConfig) as caught:
        catalog.load("cubiebord2")
    assert "did you mean cubieboard2" in caught.value.hint


@pytest.mark.parametrize("name", ["../boards/cubieboard2", "Cubieboard2", "", "a/b", "x" * 64, "-x", "a\n"])
def test_a_name_passes_the_gate_before_it_meets_a_path(name):
    with pytest.raises(errors.BadConfig, match="not a valid board profile name"):
        catalog.load(name)


def test_the_users_profiles_win_over_the_shipped_and_the_named_folder_over_both(tmp_path, monkeypatch):
    def put(folder, title):
        folder.mkdir(parents=True)
        (folder / "cubieboard2.toml").write_text(GOOD.replace('"Cubieboard2"', f'"{title}"', 1))

    assert catalog.load("cubieboard2").title == "Cubieboard2"
    put(tmp_path / "config/edgedeploy/boards", "the user's")
    assert catalog.load("cubieboard2").title == "the user's"
    put(tmp_path / "env", "the variable's")
    monkeypatch.setenv(catalog.ENVIRONMENT, str(tmp_path / "env"))
    assert catalog.load("cubieboard2").title == "the variable's"
    put(tmp_path / "explicit", "the caller's")
    assert catalog.load("cubieboard2", tmp_path / "explicit").title == "the caller's"
    assert catalog.load("rpi4").title == "Raspberry Pi 4", "the others stay known"


def test_a_folder_that_is_asked_for_must_be_there(tmp_path):
    with pytest.raises(errors.BadConfig, match="no folder of board profiles"):
        catalog.available(tmp_path / "nowhere")


def test_files_with_odd_names_are_no_profiles(tmp_path):
    (tmp_path / "Not A Profile.toml").write_text("")
    assert "Not A Profile" not in catalog.available(tmp_path)


def test_an_unreadable_profile(tmp_path):
    (tmp_path / "mine.toml").mkdir()
    with pytest.raises(errors.BadConfig, match="cannot read"):
        catalog.load("mine", tmp_path)


def test_a_profile_is_json_ready():
    plain = board.to_plain(catalog.load("cubieboard2"))
    assert plain["guests"] == ["armv7l"]
    assert plain["memory"] == {"total_mb": 1024, "versions_mb": [512, 1024], "dom0_mb": 256, "guest_base": 0x40000000}


def test_the_packaged_data_is_looked_into(tmp_path):
    """As in a wheel: the profiles lie inside the package and there is no checkout beside it."""
    package = tmp_path / "site" / "edgedeploy"
    source = SHIPPED.parent / "edgedeploy"
    for folder in ("core", "ports", "profiles"):
        (package / folder).mkdir(parents=True)
        for path in (source / folder).glob("*.py"):
            (package / folder / path.name).write_bytes(path.read_bytes())
    (package / "__init__.py").write_bytes((source / "__init__.py").read_bytes())
    (package / "data/boards").mkdir(parents=True)
    (package / "data/boards/cubieboard2.toml").write_text(GOOD)
    script = "from edgedeploy.profiles import catalog; print(*catalog.available())"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.split() == ["cubieboard2"]
