"""A talk to try things with: slides, and a small program that serves them as a release for `runtime = "unix"`."""

from __future__ import annotations

import sys
from pathlib import PurePosixPath

from edgedeploy.core.board import HOST
from edgedeploy.core.names import AppName
from edgedeploy.core.release import UNIX
from edgedeploy.depot import scaffold


def files(app: AppName, address: str, port: int) -> dict[PurePosixPath, bytes]:
    """Path -> content of a whole deployment repository but for its slides, which are at `slides`."""
    return {
        **scaffold.around(app, UNIX),
        PurePosixPath("edgedeploy.toml"): _TOML.format(app=app, host=HOST, address=address, port=port).encode(),
        PurePosixPath("server.py"): _SERVER.replace("PYTHON", _python()).encode(),
    }


def _python() -> str:
    """As the first line of a script may name it: without blanks, and short (execve(2))."""
    return next(path for path in (sys.executable, "/usr/bin/python3") if path and len(path) < 100 and not path.split()[1:])


SLIDES = {
    PurePosixPath("index.html"): b"""\
<!doctype html>
<meta charset="utf-8">
<title>A talk</title>
<link rel="stylesheet" href="talk.css">
<h1>A talk</h1>
<p>Change this line, and save: what is in this folder is what is served.</p>
""",
    PurePosixPath("talk.css"): b"body { font: 200% sans-serif; margin: 20vh 15vw; }\n",
}

_TOML = """\
# A talk as a program of a machine, not as a guest of Xen.

app = "{app}"
runtime = "unix"
boards = ["{host}"]

[domain]
memory = 32                       # MB

[network]
address = "{address}/8"

[health]
port = {port}
timeout = 20                      # seconds a release has, from its start, to answer

[build]
kernel = "server.py"              # the program; it finds the slides in its current folder, as www
slides = "slides"
"""

_SERVER = '''\
#!PYTHON -IS
"""Serves the folder www at ADDRESS and PORT, which the board has put into the environment."""

import functools
import http.server
import os


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


pages = functools.partial(Quiet, directory="www")
with http.server.ThreadingHTTPServer((os.environ["ADDRESS"], int(os.environ["PORT"])), pages) as server:
    print(f"serving {os.environ['EDGEDEPLOY_RELEASE']}", flush=True)
    server.serve_forever()
'''
