"""edgedeploy.toml: defaults, the command line it makes, and faults that name themselves."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import errors, project
from edgedeploy.core.release import Swap
from edgedeploy.depot import scaffold

FULL = """\
app = "decks"
runtime = "xen"
boards = ["virtual-armv7", "cubieboard2"]
board = "stage"
interfaces = ["eth0"]
[domain]
vm = "decksopenmirageorg"
memory = 128
vcpus = 2
bridge = "br0"
mac = "00:16:3e:aa:bb:cc"
cmdline = "console=hvc0 quiet"
[network]
address = "10.0.2.20/24"
gateway = "10.0.2.2"
[health]
path = "/health"
port = 8080
status = 204
timeout = 30
[health.serves]
"/deck.css" = "slides/deck.css"
[build]
kernel = "guest/vmlinuz"
ramdisk = "guest/base.cpio"
slides = "slides"
"""


def test_everything():
    read = project.loads(FULL.encode())
    assert read.boards == ("virtual-armv7", "cubieboard2")
    assert (read.domain.name, read.domain.memory_mb, read.domain.vcpus) == ("decksopenmirageorg", 128, 2)
    assert (read.domain.vifs[0].bridge, read.domain.vifs[0].mac) == ("br0", "00:16:3e:aa:bb:cc")
    assert read.domain.cmdline == "console=hvc0 quiet ip=10.0.2.20::10.0.2.2:255.255.255.0::eth0:off"
    assert (read.health.path, read.health.port, read.health.status, read.health.timeout_s) == ("/health", 8080, 204, 30)
    assert str(read.health.serves["/deck.css"]) == "slides/deck.css"
    assert str(read.build.ramdisk) == "guest/base.cpio"


def test_an_app_is_enough():
    read = project.loads(b'app = "decks"\n')
    assert (read.domain.name, read.domain.memory_mb, read.domain.vcpus) == ("decks", 96, 1)
    assert read.domain.cmdline == "console=hvc0 quiet"
    assert read.network is None


def test_the_mac_is_the_apps_own_and_stays():
    mac = project.derived_mac("decks")
    assert mac == project.derived_mac("decks") != project.derived_mac("other")
    assert mac.startswith("00:16:3e:")
    assert project.loads(b'app = "decks"').domain.vifs[0].mac == mac


@pytest.mark.parametrize(
    ("cmdline", "given"),
    [
        ("{ip} root=/dev/ram", "ip=10.0.0.9::10.0.0.1:255.255.0.0::eth0:off root=/dev/ram"),
        ("--ipv4={cidr} --ipv4-gateway={gateway}", "--ipv4=10.0.0.9/16 --ipv4-gateway=10.0.0.1"),
        ("addr={address}", "addr=10.0.0.9"),
        ("", "ip=10.0.0.9::10.0.0.1:255.255.0.0::eth0:off"),
    ],
)
def test_placeholders(cmdline, given):
    text = f'app="a"\n[domain]\ncmdline="{cmdline}"\n[network]\naddress="10.0.0.9/16"\ngateway="10.0.0.1"\n'
    assert project.loads(text.encode()).domain.cmdline == given


def test_a_network_without_gateway():
    text = b'app="a"\n[network]\naddress="10.0.0.9/16"\n'
    assert project.loads(text).domain.cmdline.endswith("ip=10.0.0.9:::255.255.0.0::eth0:off")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "app: is missing"),
        ('app="Decks"', "app: 'Decks' is not a valid app name"),
        ('app="a"\nruntime="docker"', "runtime: must be one of xen, unix"),
        ('app="a"\nrutnime="xen"', "unknown key 'rutnime'"),
        ('app="a"\nboards="x"', "boards: must be a list"),
        ('app="a"\n[domain]\nmemory="96"', "domain: memory: must be a whole number"),
        ('app="a"\n[domain]\nmem=96', "domain: unknown key 'mem'"),
        ('app="a"\n[domain]\ncmdline="a\\"b"', "domain: cmdline"),
        ('app="a"\n[domain]\ncmdline="{ip}"', "{ip} needs a [network]"),
        ('app="a"\n[domain]\ncmdline="{foo}"', "{foo} means nothing"),
        ('app="a"\n[network]\naddress="10.0.0.9"', "network: address"),
        ('app="a"\n[network]\naddress="10.0.0.9/33"', "network: address"),
        ('app="a"\n[network]\naddress="10.0.0.9/24"\ngateway="10.0.1.1"', "not in the network"),
        ('app="a"\n[network]\naddress="10.0.0.9/24"\ngateway=1', "not an IPv4 address"),
        ('app="a"\n[health]\nport=0', "health: port"),
        ('app="a"\n[health.serves]\n"x"="y"', "not a valid URL path"),
        ('app="a"\n[health.serves]\n"/x"="../y"', "not a path inside the repository"),
        ('app="a"\n[build]\nslides="/etc"', "build: slides"),
        ('app="a"\n[build]\nslide="x"', "build: unknown key 'slide'"),
        ("app=", "is not TOML"),
        ('app="a"\n[domain]\n vcpus = one\n', "vcpus = one"),
        ('app="a"\ndomain=3', "domain: expected a table"),
    ],
)
def test_faults(text, named):
    with pytest.raises(errors.BadConfig) as caught:
        project.loads(text.encode(), "edgedeploy.toml")
    assert named in caught.value.message
    assert "edgedeploy.toml" in caught.value.message


def test_all_faults_at_once():
    with pytest.raises(errors.BadConfig, match="has 3 faults") as caught:
        project.loads(b'app = "Decks"\nboards = [1]\n[build]\nx = 1\n')
    assert len(caught.value.details) == 3


def test_all_faults_of_one_table_at_once_and_what_was_meant():
    text = b'app="a"\nrutnime="xen"\n[domain]\nmemory="96"\nvcpus=0\nvcpu=1\nbrige="x"\ngic_version="v4"\n[network]\naddress=1\n'
    with pytest.raises(errors.BadConfig, match="has 6 faults") as caught:
        project.loads(text)
    said = "\n".join(caught.value.details)
    for part in (
        "network: address", "domain: memory: must be", "domain: vcpus: must be", "domain: gic_version: must be one of default, v2, v3",
        "unknown keys 'brige', 'vcpu' (did you mean bridge and vcpus? known keys:", "unknown key 'rutnime' (did you mean runtime?",
    ):  # fmt: skip
        assert part in said
    assert "needs a [network]" not in said


def test_a_command_line_that_grows_too_long_is_named():
    text = f'app="a"\n[domain]\ncmdline="{"x" * 1020}"\n[network]\naddress="10.0.0.9/16"\n'
    with pytest.raises(errors.BadConfig, match="domain: cmdline"):
        project.loads(text.encode())


def test_the_way_of_swapping_may_be_chosen():
    assert project.loads(b'app="a"').swap == Swap("auto", 30)
    assert project.loads(b'app="a"\n[domain]\nswap="in-place"\nkeep_previous=0').swap == Swap("in-place", 0)
    with pytest.raises(errors.BadConfig, match="swap: must be one of auto, blue-green, in-place"):
        project.loads(b'app="a"\n[domain]\nswap="never"')
    with pytest.raises(errors.BadConfig, match="keep_previous"):
        project.loads(b'app="a"\n[domain]\nkeep_previous=2000')


def test_the_interrupt_controller_may_be_chosen():
    assert project.loads(b'app="a"').domain.gic_version == "default"
    assert project.loads(b'app="a"\n[domain]\ngic_version="v3"').domain.gic_version == "v3"


_scalars = st.one_of(st.integers(), st.booleans(), st.text(max_size=20), st.floats(), st.lists(st.text(max_size=5), max_size=3))
_KEYS = (
    "app boards board interfaces runtime vm memory vcpus bridge mac cmdline gic_version address gateway path port status timeout "
    "serves kernel ramdisk slides strange"
)
_keys = st.sampled_from(_KEYS.split())
_tables = st.dictionaries(_keys, st.one_of(_scalars, st.dictionaries(st.text(max_size=5), _scalars, max_size=2)), max_size=6)


@given(_tables, st.dictionaries(st.sampled_from(["domain", "network", "health", "build"]), st.one_of(_scalars, _tables)))
def test_no_exception_but_ours(top, tables):
    try:
        read = project.loads(toml({"app": "a", **top, **tables}).encode())
    except errors.BadConfig:
        return
    assert read.domain.vcpus >= 1


@given(st.binary(max_size=200))
def test_no_exception_but_ours_for_any_bytes(raw):
    with contextlib.suppress(errors.BadConfig):
        project.loads(raw)


def toml(value):
    """Any JSON-like value as inline TOML; a dictionary without braces at the top."""
    if isinstance(value, dict):
        return "\n".join(f"{json.dumps(key)} = {inline(each)}" for key, each in value.items())
    raise TypeError(value)


def inline(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def test_not_utf8_and_too_large():
    with pytest.raises(errors.BadConfig, match="is UTF-16"):
        project.loads(b"\xff\xfe")
    with pytest.raises(errors.BadConfig, match="larger than"):
        project.loads(b"#" * (2 << 20))


@pytest.mark.parametrize("slides", [True, False])
def test_what_init_writes_can_be_read(slides):
    files = {
        str(path): data for path, data in scaffold.files(scaffold.Plan("decks", "cubieboard2", slides=slides)).items()
    }
    assert project.loads(files["edgedeploy.toml"]).boards == ("cubieboard2",)
    assert b"\n*/11 * * * * edgedeploy-agent pull decks\n" in files["scripts/crontab"]
    assert ("slides/index.html" in files) is slides
