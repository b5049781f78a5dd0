"""Seeds and dictionaries of the targets in documents.py."""

from __future__ import annotations

import json
from pathlib import Path

from edgedeploy.core import announce, board, project

ROOT = Path(__file__).parents[2]

TOML_WORDS = (
    b"app", b"runtime", b"boards", b"board", b"interfaces", b"[domain]", b"vm", b"memory", b"vcpus", b"bridge", b"mac", b"cmdline",
    b"{ip}", b"{gateway}", b"[network]", b"address", b"gateway", b"[health]", b"[health.serves]", b"[build]", b"kernel",
    b"[apps.decks]", b"path", b"host", b"~nobody/", b"0x", b"1e9", b"inf", b"nan", b"1979-05-27T07:32:00Z", b'"""', b"'''",
    b"true", b"[[", b"]]", b"= {", b"}", b"= [", b"\\u0041", b"\n", b"00:16:3e:aa:bb:cc", b"10.0.2.20/24", b"../..",
)  # fmt: skip
JSON_WORDS = (
    b'":',
    b'"',
    b"[",
    b"]",
    b"{",
    b"}",
    b"null",
    b"true",
    b"1e999",
    b"NaN",
    b"-1",
    b'"\\ud800"',
    b"fe80::1%",
    b'"a"',
)
XL_WORDS = (
    b"memory = ", b"vcpus = ", b"vif = [", b"'bridge=br0,mac=00:16:3e:00:00:01'", b"name = '@NAME@'", b"extra = ", b"cmdline = ",
    b"{[]: 1}", b"{", b"set()", b"1j", b"b''", b"'''", b"-", b"\n", b"#", b"1e999", b"\\x", b"\\N{", b"9" * 60,
)  # fmt: skip
TXT_WORDS = (
    b"v=1",
    b"id=00112233aabbccdd",
    b"profile=",
    b"agent=",
    b"app.",
    b"fwd.0=",
    b">",
    b"[::1]:80",
    b"%",
    b"more=",
)
XML_WORDS = (b"<!ENTITY", b"<!DOCTYPE", b"<txt-record>", b"<port>", b"encoding='x'", b"&#0;", b"]]>", b"<![CDATA[")


def project_seeds() -> list[bytes]:
    documented = Path(project.__file__).read_bytes().split(b'"""')[1].split(b"\n\n", 1)[1]
    user = b'interfaces = ["eth0"]\n[apps.decks]\npath = "~/talks/decks"\nboard = "stage"\n[boards.stage]\nhost = "10.0.0.1:22"\n'
    long = [b"app = " + b"1" * 5000, b"app = 0x" + b"f" * 5000, b"app = " + b"[" * 1500, b"a" + b".a" * 1500 + b" = 1"]
    return [*long, documented, user, b'app = "decks"\n',
            b'app = "d"\n[domain]\ncmdline = "{ip} x"\n[network]\naddress = "10.0.2.20/24"\n']  # fmt: skip


def agent_seeds() -> list[bytes]:
    head = b'[board]\nid = "00112233aabbccdd"\nname = "stage"\nprofile = "rpi4"\n'
    quoted = head + b'[apps.a]\nremote = \'a"b\\c\'\nbranch = "\\u00e9"\n'
    return [head, quoted, head + b'[apps.decks]\nremote = "https://example.org/d.git"\nbranch = "main"\n']


def profile_seeds() -> list[bytes]:
    return [(ROOT / "boards" / f"{name}.toml").read_bytes() for name in ("cubieboard2", "rpi5", "rpi1", "rockpro64")]


def txt_seeds() -> list[bytes]:
    known = [b"v=1", b"id=00112233aabbccdd", b"profile=rpi4"]
    more = [
        b"agent=0123456789ab",
        b"app.decks=2026-11-23-1",
        b"app.web=",
        b"fwd.0=10.0.2.20:80>127.0.0.1:8081",
        b"more=3",
    ]
    return [b"".join(bytes([len(record)]) + record for record in records) for records in (known, known + more)]


def avahi_seeds() -> list[bytes]:
    return [announce.avahi_service_xml(["v=1", "app.decks=<&>"], port=port).encode() for port in (22, 2222)]


def xl_seeds() -> list[bytes]:
    lines = b"name = '@NAME@'\nkernel = '@KERNEL@'\nbuilder = 'linux'\nmemory = 256\non_crash = 'restart'\n"
    more = lines + b"vcpus = 2 # two\nvif = [ 'mac=00:16:3e:00:00:01,bridge=br0' ]\nextra = \"console=hvc0\"\n"
    return [b"a = " + b"[" * 500, b"a = " + b"-" * 1500 + b"1", lines, more, b"# x\n\n"]


def json_seeds() -> list[bytes]:
    facts = board.BoardFacts(machine="armv7l", xen_caps=("x",), nr_cpus=2, bridges=("xenbr0",)).to_plain()
    misfit = board.Misfit("c", "f", "w", "x", "h").to_plain()
    return [
        json.dumps(value).encode()
        for value in (facts, misfit, {"a": "x"}, {"a": [1]}, {"a": {"a": "b"}}, {"a": 1, "b": 2})
    ]
