"""What an xl.conf.in amounts to, and what is said about every option that will not be as it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import xllint, xloptions
from edgedeploy.core.names import DomainName

VM = DomainName("decksopenmirageorg")
MIRAGE = """\
name = '@NAME@'
memory = '256'
kernel = '@KERNEL@'
vif = ['bridge=br0']
on_crash = 'preserve'
"""


def read(text, kernel="decksopenmirageorg.xen.bz2"):
    return xllint.read(text, VM, kernel)


def said(text):
    _, findings = read(text)
    return [(m.code, m.field.split(" ")[0]) for m in findings.misfits], [(w.code, w.field.split(" ")[0]) for w in findings.warnings]


def test_the_original_template_gives_a_domain_and_nothing_to_say():
    domain, findings = read(MIRAGE)
    assert (domain.name, domain.memory_mb, domain.vcpus, domain.gic_version) == (VM, 256, 1, "default")
    assert [(vif.bridge, vif.mac) for vif in domain.vifs] == [("br0", None)]
    assert findings == xllint.Findings()


def test_what_is_taken_over():
    domain, findings = read(
        "name='talk'\nmemory=0x80\nvcpus='2'\ngic_version='v2'\nroot='/dev/ram'\nextra='console=hvc0'\n"
        "vif=['mac=00:16:3e:01:02:03, bridge=xenbr1']"
    )
    assert (domain.name, domain.memory_mb, domain.vcpus, domain.gic_version) == ("talk", 128, 2, "v2")
    assert domain.cmdline == "root=/dev/ram console=hvc0"
    assert [(vif.bridge, vif.mac) for vif in domain.vifs] == [("xenbr1", "00:16:3e:01:02:03")]
    assert findings == xllint.Findings()


def test_cmdline_wins_over_extra_and_root_as_in_xl():
    domain, findings = read("extra='a'\nroot='/dev/b'\ncmdline='c'\n")
    assert domain.cmdline == "c"
    (warning,) = findings.warnings
    assert (warning.code, "root and extra" in warning.line()) == ("cmdline-wins", True)


@pytest.mark.parametrize(
    ("text", "misfits"),
    [
        ("memory = 'lots'", [("option-value", "memory")]),
        ("memory = ['256']", [("option-value", "memory")]),
        ("memory = 0", [("option-value", "memory")]),
        ("memory = ''", [("option-value", "memory")]),
        ("vcpus = 129", [("option-value", "vcpus")]),
        ("vcpus = '1.5'", [("option-value", "vcpus")]),
        ("name = 'a b'", [("option-value", "name")]),
        ("extra = ['a']", [("option-value", "extra")]),
        ("cmdline = 'a=\"b\"'", [("option-value", "cmdline")]),
        ("gic_version = 'v4'", [("option-value", "gic_version")]),
        ("vif = 'bridge=br0'", [("option-value", "vif")]),
        ("vif = ['bridge=a/b']", [("option-value", "vif")]),
        ("vif = ['bridge=br0,mac=x']", [("option-value", "vif")]),
        ("vif = ['bridge=br0,script=vif-route']", [("option-value", "vif")]),
        ("vif = ['bridge=br0,script=/etc/xen/scripts/vif-openvswitch']", [("option-value", "vif")]),
        ("vif = ['bridge=br0,script=/home/anna/vif-bridge']", [("option-value", "vif")]),
        ("vif = [" + "'bridge=a'," * 9 + "]", [("option-value", "vif")]),
        ("disk = ['phy:/dev/vg/a,xvda,w']", [("disk", "disk")]),
        ("ramdisk = '/boot/initrd'", [("ramdisk", "ramdisk")]),
        ("type = 'hvm'", [("guest-type", "type")]),
        ("builder = 'hvm'", [("guest-type", "builder")]),
        ("device_tree = '/boot/part.dtb'", [("passthrough", "device_tree")]),
        ("passthrough = 'enabled'", [("passthrough", "passthrough")]),
        ("pci = ['01:00.0']", [("passthrough", "pci")]),
        ("tee = 'optee'", [("device", "tee")]),
        ("bootloader = 'pygrub'", [("device", "bootloader")]),
    ],
)
def test_what_stops_it(text, misfits):
    assert said(text) == (misfits, [])
    _, findings = read(text)
    assert all(misfit.hint and misfit.line().count("\n") == 0 for misfit in findings.misfits)


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("memroy = 256", [("option-unknown", "memroy")]),
        ("on_crash = 'restart'", [("on-crash", "on_crash")]),
        ("on_poweroff = 'coredump-restart'", [("on-crash", "on_poweroff")]),
        ("on_watchdog = 'rename-restart'", [("on-crash", "on_watchdog")]),
        ("type = 'pv'", [("option-ignored", "type")]),
        ("builder = 'generic'", [("option-ignored", "builder")]),
        ("vif = ['mac=00:16:3e:00:00:01']", [("vif-bridge", "vif")]),
        ("vif = ['']", [("vif-bridge", "vif")]),
        ("vif = ['bridge=br0,rate=1Mb/s']", [("option-ignored", "vif")]),
        ("kernel = '/boot/other'", [("kernel-replaced", "kernel")]),
        ("memory = 256\nmaxmem = 512", [("option-ignored", "maxmem")]),
        ("vcpus = 1\nmaxvcpus = 4\ncpus = '0'\ncpu_weight = 9", [("option-ignored", "maxvcpus,")]),
    ],
)
def test_what_is_only_said(text, warnings):
    assert said(text) == ([], warnings)


@pytest.mark.parametrize(
    "text",
    [
        "on_reboot = 'restart'", "type = 'pvh'", "memory = 256\nmaxmem = 256", "vcpus = 2\nmaxvcpus = 2", "vnc = 1", "disk = []",
        "disk = ['']", "passthrough = 'disabled'", "tee = 'none'", "acpi = 0", "ramdisk = ''", "kernel = '/srv/decksopenmirageorg.xen'",
        "uuid = '1'", "on_crash = 'coredump-destroy'", "vif = ['bridge=br0,script=vif-bridge,backend=0']",
        "vif = ['bridge=br0,script=/etc/xen/scripts/vif-bridge']", "vif = ['script=/usr/local/etc/xen/scripts/vif-bridge, bridge=br0']",
    ],
)  # fmt: skip
def test_what_needs_no_word(text):
    assert said(text) == ([], [])


def test_a_slip_of_the_pen_is_understood():
    _, findings = read("on_crsh = 'restart'\ndtdevs = ['x']\nzzz = 1")
    assert [warning.hint for warning in findings.warnings] == [
        "Did you mean on_crash?", "Did you mean dtdev?", "Correct its spelling, or remove it",
    ]  # fmt: skip


def test_everything_is_said_at_once():
    misfits, warnings = said("memory='x'\nvcpus='y'\ndisk=['a']\nirqs=[88]\non_crash='restart'\nfoo=1\nbar=2\n")
    assert [code for code, _ in misfits] == ["option-value", "option-value", "disk", "passthrough"]
    assert [code for code, _ in warnings] == ["on-crash", "option-unknown", "option-unknown"]


def test_every_option_has_one_fate():
    fates = (xloptions.TAKEN, xloptions.REPLACED, xloptions.PASSTHROUGH, xloptions.DEVICES, xloptions.SKIPPED, xloptions.HARMLESS)
    assert sum(map(len, fates)) == len(xloptions.KNOWN)
    for key in xloptions.KNOWN - xloptions.TAKEN - xloptions.REPLACED - xloptions.HARMLESS:
        misfits, warnings = said(f"{key} = ['x']")
        assert len(misfits) + len(warnings) == 1, key


_options = st.dictionaries(
    st.sampled_from([*sorted(xloptions.KNOWN), "unheard_of"]), st.one_of(st.text(), st.lists(st.text(), max_size=3)), max_size=6
)


@given(_options)
def test_no_value_is_too_strange(values):
    domain, findings = xllint.judge(values, VM, "a.xen")
    assert domain.memory_mb >= 1
    assert all(finding.line().isprintable() for finding in (*findings.misfits, *findings.warnings))


