"""The files that a new deployment repository starts with: short, commented, meant to be edited."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import PurePosixPath

from edgedeploy.core import project
from edgedeploy.core.names import AppName, ProfileName
from edgedeploy.core.release import CRONTAB, UNIX, XEN


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known about the app at its start."""

    app: AppName
    board: ProfileName
    address: ipaddress.IPv4Interface | None = None
    gateway: ipaddress.IPv4Address | None = None
    slides: bool = False
    bridge: str = "xenbr0"
    runtime: str = XEN
    """one of core.release.RUNTIMES"""


def files(plan: Plan) -> dict[PurePosixPath, bytes]:
    """Path -> content of every file."""
    written = {PurePosixPath(project.FILE): settings(plan), **around(plan.app, plan.runtime)}
    if plan.slides:
        written[PurePosixPath("slides/index.html")] = _INDEX.format(app=plan.app).encode()
    return written


def settings(plan: Plan) -> bytes:
    """edgedeploy.toml, checked to be one that we ourselves can read."""
    toml = _toml(plan).encode()
    project.loads(toml)
    return toml


def around(app: AppName, runtime: str = XEN) -> dict[PurePosixPath, bytes]:
    """Path -> content of the files beside the configuration."""
    texts = {
        CRONTAB: _CRONTAB.format(app=app),
        PurePosixPath("README.md"): _README.format(app=app, release=_FIRST[runtime]),
        PurePosixPath(".gitignore"): _IGNORED,
        # git must not touch a byte of what a digest was taken of, nor try to show it in a diff
        PurePosixPath(".gitattributes"): "xen/** -text -diff\nxen/latest diff\nxen/**/manifest.json diff\n",
    }
    return {path: text.encode() for path, text in texts.items()}


def _toml(plan: Plan) -> str:
    if plan.address:
        gateway = f'gateway = "{plan.gateway}"' if plan.gateway else '# gateway = "192.168.1.1"'
        network = f'[network]\naddress = "{plan.address}"\n{gateway}'
    else:
        network = '# [network]\n# address = "192.168.1.20/24"\n# gateway = "192.168.1.1"'
    slides = 'slides = "slides"' if plan.slides else '# slides = "slides"               # a folder, served as /www'
    if plan.runtime == UNIX:
        where = slides.replace("served as /www", "www in the program's current folder")
        return _TOML_UNIX.format(app=plan.app, board=plan.board, network=network, serves=_SERVES, slides=where)
    return _TOML.format(app=plan.app, board=plan.board, bridge=plan.bridge, network=network, serves=_SERVES, slides=slides)


_FIRST = {
    XEN: "edgedeploy release guest/KERNEL --ramdisk guest/RAMDISK --slides slides     # once: make the first release",
    UNIX: "edgedeploy release PROGRAM --slides slides       # once: make the first release",
}
_TOML = """\
# What `edgedeploy` knows about this app. A release takes it over: edit, then `edgedeploy push`.

app = "{app}"
runtime = "xen"
boards = ["{board}"]        # kinds of board it is meant for: `edgedeploy boards` lists them

[domain]
memory = 96                       # MB
vcpus = 1
bridge = "{bridge}"
cmdline = "console=hvc0 quiet panic=1"    # a Linux guest; ip=... is added when there is a [network]

# The guest's own address. With it the board proves over HTTP that a release is served, and goes back if not.
{network}

[health]
path = "/"
port = 80
status = 200
timeout = 60                      # seconds a release has, from its start, to answer

{serves}# What `edgedeploy push` makes a release of. `edgedeploy release KERNEL` fills it in, the first time.
[build]
# kernel = "guest/vmlinuz"
# ramdisk = "guest/base.cpio"
{slides}
"""

_SERVES = """\
# [health.serves]                 # these must be served with exactly the content of these files
# "/deck.css" = "slides/deck.css"

"""
_TOML_UNIX = """\
# What `edgedeploy` knows about this app. A release takes it over: edit, then `edgedeploy push`.

app = "{app}"
runtime = "unix"                  # a program of the board, not a guest of Xen
boards = ["{board}"]

[domain]
memory = 64                       # MB that must be free
# cmdline = "--verbose"           # the program's arguments

# Where the program is to answer: it is told as ADDRESS and PORT. The board proves over HTTP that it is served, and goes back if not.
{network}

[health]
path = "/"
port = 8080
status = 200
timeout = 30                      # seconds a release has, from its start, to answer

{serves}# What `edgedeploy push` makes a release of. `edgedeploy release PROGRAM` fills it in, the first time.
[build]
# kernel = "program"              # an executable, or a script
# ramdisk = "files.cpio"          # its files, if there are more than slides
{slides}
"""

_CRONTAB = """\
# how often the board looks for a new release by itself
*/11 * * * * edgedeploy-agent pull {app}
"""

_README = """\
# {app}

A deployment repository of `edgedeploy`: what is committed here is what a board runs.

    {release}
    edgedeploy push                                  # put what is here on the board, after every edit
    edgedeploy rollback                              # go back to the release before

`edgedeploy.toml` says what the guest is given and how it is asked whether it is there. `xen/latest` names the
release, `xen/<id>/` holds it.
"""

_IGNORED = """\
# kernels and ramdisks are committed as releases, below xen/
/guest/
.DS_Store
*~
*.swp
"""

_INDEX = """\
<!doctype html>
<meta charset="utf-8">
<title>{app}</title>
<h1>{app}</h1>
"""
