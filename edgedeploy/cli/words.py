"""The words of the command line that are needed before anything is imported: this module imports nothing.

The first page of the help is made of them (cli/quick.py), and the group of commands (cli/program.py).
"""

from __future__ import annotations

PROGRAM = "edgedeploy"
COMPLETE = "_EDGEDEPLOY_COMPLETE"
"""the environment variable by which a shell asks what a word may become"""

WIDEST = 100
"""columns of help at most"""

VIA = ("auto", "ssh", "serial")
"""the wires that --via names"""

ABOUT = """\
Put a talk, or any service, on a Xen ARM board.

Every release is proven to fit before anything is touched, swapped in seconds, and rolled back by itself
when it is not served. Exit codes: docs/exit-codes.md.
"""

VERSION = "Show the version and exit."
VERBOSE = "Say more."
QUIET = "Say less."
CONFIG = "Read this file instead of the user's config.toml."
HELP = "Show this message and exit."

Entry = tuple[str, str]
"""Where a command lives ("module:object"), and the line that the help shows without loading it. A plain tuple: a dataclass
costs more than Python's own start."""


def _at(name: str, summary: str) -> Entry:
    return f"edgedeploy.cli.{name}:{name}", summary


SECTIONS: dict[str, dict[str, Entry]] = {
    "Daily": {
        "push": _at("push", "Put what is in your folder on a board."),
        "status": _at("status", "Show what runs on a board."),
        "rollback": _at("rollback", "Go back to the previous release, or to a named one."),
        "log": _at("log", "Show the last deployments."),
        "recover": _at("recover", "Rescue a board by its serial cable."),
        "release": _at("release", "Make a release of a kernel and slides, and commit it."),
        "check": _at("check", "Prove that a kernel fits a board."),
    },
    "Set up": {
        "discover": _at("discover", "Find boards on the network."),
        "boards": _at("boards", "List the kinds of board that are known."),
        "enrol": _at("enrol", "Install the agent on a board and pin its keys."),
        "fetch": _at("fetch", "Bring an app's repository from a board to here."),
        "remove": _at("remove", "Take an app off a board."),
        "console": _at("console", "Be at a board's serial console, or at a guest's."),
        "init": _at("init", "Start a deployment repository."),
        "store": _at("store", "Put a build into a deployment repository: for CI."),
        "ci": _at("ci", "Have CI build, check and store."),
        "completion": _at("completion", "Print a shell's completion script."),
    },
    "Without a board": {
        "try": ("edgedeploy.cli.tryout:tryout", "See a talk served by this computer, without a board."),
        "lab": _at("lab", "Run a board with real Xen on this computer."),
    },
}

ALIASES = {
    "enroll": "enrol", "deploy": "push", "undo": "rollback", "logs": "log", "rescue": "recover", "ls": "status", "new": "init",
    "rm": "remove", "delete": "remove", "clone": "fetch",
}  # fmt: skip
"""what people type instead, because other tools call it that"""
