"""The agent's command line as people type it. What machines call is read in __main__.py, without this."""

from __future__ import annotations

import argparse

from edgedeploy.agent import version


def parser() -> argparse.ArgumentParser:
    """Of every command."""
    parser = argparse.ArgumentParser(prog="edgedeploy-agent", description="The edgedeploy agent on a Xen board.")
    parser.add_argument("--version", action="version", version=version.line())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="talk to a laptop on stdin and stdout (what a push key runs)")
    link = commands.add_parser("link", help="carry commands over this serial console (what `edgedeploy` starts there)")
    link.add_argument("words", nargs="*")
    pull = commands.add_parser("pull", help="git pull from the app's remote and deploy (what cron runs)")
    pull.add_argument("app")
    pull.add_argument("--jitter", type=float, default=0.0, help="wait up to this many seconds first")
    apply = commands.add_parser("apply", help="deploy what is checked out (what the post-merge hook runs)")
    apply.add_argument("app")
    apply.add_argument("--retry", action="store_true", help="try a quarantined release again")
    back = commands.add_parser("rollback", help="go back to the previous release, or to RELEASE")
    back.add_argument("app")
    back.add_argument("release", nargs="?")
    commands.add_parser("boot", help="put every app on air (what cron runs at boot)")
    commands.add_parser("status", help="what runs, as JSON")
    log = commands.add_parser("log", help="the last deployments")
    log.add_argument("app")
    log.add_argument("-n", "--count", type=int, default=10)
    commands.add_parser("gc", help="remove what can no longer be wanted").add_argument("app")
    commands.add_parser("remove", help="take an app off this board: its guests, repository and log").add_argument("app")
    enrol = commands.add_parser("setup", help="install the agent (what `edgedeploy enrol` runs; plan on stdin)")
    enrol.add_argument("--dry-run", action="store_true")
    return parser
