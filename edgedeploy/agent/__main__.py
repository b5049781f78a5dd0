"""`edgedeploy-agent`: what hooks, cron, the push key and a person on the board call."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

from edgedeploy.agent import attempt, version
from edgedeploy.agent.board import Board
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, ReleaseId, printable

_GOOD = ("live", "already-live", "idle")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edgedeploy-agent", description="The edgedeploy agent on a Xen board.")
    parser.add_argument("--version", action="version", version=f"edgedeploy-agent {version.digest()[:12]}")
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
    enrol = commands.add_parser("setup", help="install the agent (what `edgedeploy enrol` runs; plan on stdin)")
    enrol.add_argument("--dry-run", action="store_true")
    return parser


def main() -> int:
    """Returns the exit status; the codes are those of core.errors."""
    args = _parser().parse_args()
    # cron and some SSH servers leave root without the sbin folders, where xl is
    os.environ["PATH"] = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/local/sbin:/usr/sbin:/sbin"
    try:
        return _run(args)
    except errors.EdgeError as error:
        print("\n  ".join([f"edgedeploy-agent: {error.message}", *error.details]), file=sys.stderr)  # noqa: T201 - a command line
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)  # noqa: T201 - a command line
        return error.exit_code
    except OSError as error:
        print(f"edgedeploy-agent: {error}", file=sys.stderr)  # noqa: T201 - a command line
        if isinstance(error, PermissionError):
            print("hint: it works as root", file=sys.stderr)  # noqa: T201 - a command line
        return errors.BoardFault.exit_code
    except KeyboardInterrupt:
        return errors.Interrupted.exit_code


def _run(args: argparse.Namespace) -> int:
    if args.command == "setup":
        return _setup(dry_run=args.dry_run)
    if args.command == "link":
        from edgedeploy.agent import linkhost  # noqa: PLC0415 - it is no business of the other commands

        return linkhost.main()
    board = Board()
    if args.command == "serve":
        return _serve(board)
    if args.command == "status":
        from edgedeploy.agent import status  # noqa: PLC0415 - each command starts with what it needs

        _say({"board": status.board(board), "apps": status.apps(board)})
        return 0
    if args.command == "boot":
        _say(board.boot())
        return 0
    app = AppName.parse(args.app)
    if args.command == "pull":
        time.sleep(random.uniform(0, max(0.0, args.jitter)))  # noqa: S311 - spreading load, not a secret
        return _end(board.pull(app, _who("cron")))
    if args.command == "apply":
        return _end(board.apply(app, _who("pull"), retry=args.retry))
    if args.command == "rollback":
        return _end(board.rollback(app, ReleaseId.parse(args.release) if args.release else None, _who("hand")))
    if args.command == "log":
        _say(attempt.last(board.app(app).attempts, args.count))
        return 0
    for path in board.gc(app):
        print(f"removed {path}")  # noqa: T201 - a command line
    return 0


def _serve(board: Board) -> int:
    from edgedeploy.agent import serve  # noqa: PLC0415 - the messages; cron need not load them

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints from here on must not corrupt the conversation
    serve.Server(board, sys.stdin.buffer, out).run()
    return 0


def _setup(*, dry_run: bool) -> int:
    from edgedeploy.agent import setup  # noqa: PLC0415 - run once a year
    from edgedeploy.agent.layout import Layout  # noqa: PLC0415

    work = setup.Setup(Layout(), setup.Plan.from_json(sys.stdin.buffer.read()), Path(sys.argv[0]), dry_run=dry_run)
    config = work.run()
    _say({"board_id": config.board_id, "changes": work.changes})
    return 0


def _end(outcome: dict[str, object]) -> int:
    """Say in one line what became of it; exit 0 only when what was wanted is served."""
    verdict, running = outcome["verdict"], outcome["running"] or "nothing"
    said = f"{verdict}: {running} is on air"
    if outcome["outage_ms"]:
        said += f", outage {outcome['outage_ms']} ms"
    if outcome["reason"]:
        said += f" ({printable(str(outcome['reason']), 500)})"
    print(said)  # noqa: T201 - a command line
    if verdict in _GOOD:
        return 0
    return {"rolled-back": errors.RolledBack.exit_code, "quarantined": errors.Quarantined.exit_code}.get(
        str(verdict), errors.RollbackFailed.exit_code
    )


def _say(data: object) -> None:
    print(json.dumps(data, indent=1, sort_keys=True))  # noqa: T201 - a command line


def _who(default: str) -> str:
    return os.environ.get("SUDO_USER") or (os.environ.get("USER", default) if sys.stdin.isatty() else default)


if __name__ == "__main__":
    sys.exit(main())
