"""`edgedeploy-agent`: what hooks, cron, the push key and a person on the board call.

Each command imports what it needs, and no more: a small core needs 10 to 50 ms to load a module.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

from edgedeploy.core import errors, gitenv

if TYPE_CHECKING:
    from edgedeploy.agent.board import Board
    from edgedeploy.agent.layout import Layout

_GOOD = ("live", "already-live", "idle")


def arguments(argv: list[str]) -> SimpleNamespace:
    """What a command line means. Lines that hooks, cron and the push key run are read without argparse, a tenth of the
    start on a small core; all others, and whatever is wrong, are argparse's."""
    match argv:
        case ["serve" | "boot" | "status" as command]:
            return SimpleNamespace(command=command)
        case ["apply", app] if not app.startswith("-"):
            return SimpleNamespace(command="apply", app=app, retry=False)
        case ["pull", app] if not app.startswith("-"):
            return SimpleNamespace(command="pull", app=app, jitter=0.0)
        case ["pull", app, "--jitter", seconds] if not app.startswith("-") and seconds.isdigit():
            return SimpleNamespace(command="pull", app=app, jitter=float(seconds))
        case ["--version"]:
            from edgedeploy.agent import version

            print(version.line())  # noqa: T201 - a command line
            sys.exit(0)
        case _:
            from edgedeploy.agent import usage

            return SimpleNamespace(**vars(usage.parser().parse_args(argv)))


def main() -> int:
    """Returns the exit status; the codes are those of core.errors."""
    argv, root = sys.argv[1:], ""
    if len(argv) > 1 and argv[0] == "--root":  # a board in a folder: what is on "/" elsewhere is below it
        (_, root, *argv) = argv
    args = arguments(argv)
    args.root = root
    gitenv.forget(os.environ)  # `git pull` exports its own for the hook that calls us
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


def _run(args: SimpleNamespace) -> int:
    if args.command == "setup":
        return _setup(dry_run=args.dry_run)
    if args.command == "link":
        from edgedeploy.agent import linkhost

        return linkhost.main()
    if args.command == "serve":
        return _serve(args.root)
    from edgedeploy.agent import lean

    lean.load()
    import edgedeploy.agent.board  # noqa: F401 - loaded while no garbage is searched for

    lean.loaded()
    board = _board(args.root)
    if args.command == "status":
        from edgedeploy.agent import status

        asked, apps = status.both(board)
        return _say({"board": asked, "apps": apps})
    if args.command == "boot":
        return _say(board.boot())
    return _with_app(board, args)


def _with_app(board: Board, args: SimpleNamespace) -> int:
    from edgedeploy.agent import run
    from edgedeploy.core.names import AppName, ReleaseId

    os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), run.NICE))
    app = AppName.parse(args.app)
    if args.command == "pull":
        if args.jitter > 0:
            import random
            import time

            time.sleep(random.uniform(0, args.jitter))  # noqa: S311 - spreading load, not a secret
        return _end(board.pull(app, _who("cron")))
    if args.command == "apply":
        return _end(board.apply(app, _who("pull"), retry=args.retry))
    if args.command == "rollback":
        return _end(board.rollback(app, ReleaseId.parse(args.release) if args.release else None, _who("hand")))
    if args.command == "log":
        from edgedeploy.agent import attempt

        return _say(attempt.last(board.app(app).attempts, args.count))
    for line in board.remove(app, _who("hand")) if args.command == "remove" else (f"removed {path}" for path in board.gc(app)):
        print(line)  # noqa: T201 - a command line
    return 0


def _board(root: str) -> Board:
    from edgedeploy.agent.board import Board

    if not root:
        return Board()
    from pathlib import Path

    from edgedeploy.agent.layout import Layout

    return Board(Layout(Path(root)))


def _serve(root: str = "") -> int:
    from edgedeploy.core import greeting

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints from here on must not corrupt the conversation
    out.write(greeting.banner())  # before all the rest is loaded: whoever waits knows that it is there
    out.flush()
    from edgedeploy.agent import lean

    lean.load()
    if not root:
        from edgedeploy.agent import xen

        xen.ask_ahead()
    from edgedeploy.agent import serve

    lean.loaded()
    try:
        board = _board(root)
    except errors.EdgeError as error:
        serve.Conversation(sys.stdin.buffer, out).refuse(error)
        raise
    serve.Server(board, sys.stdin.buffer, out).run()
    return 0


def _setup(*, dry_run: bool) -> int:
    from pathlib import Path

    from edgedeploy.agent import install
    from edgedeploy.agent.layout import Layout

    layout, told = Layout(), sys.stdin.buffer.read()
    needed = [tool for tool in install.NEEDED if tool != "xl" or _with_xen(layout, told)]
    installed = install.install(layout, Path(sys.argv[0]).read_bytes(), dry_run=dry_run, needed=needed)
    if installed.library.is_dir():
        install.go_on_in(installed.library)
    from edgedeploy.agent import setup

    work = setup.Setup(layout, setup.Plan.from_json(told), installed, dry_run=dry_run)
    config = work.run()
    return _say({"board_id": config.board_id, "changes": work.changes})


def _with_xen(layout: Layout, told: bytes) -> bool:
    """Whether the board that is being enrolled is to start guests: as it is told, or as it was before."""
    import contextlib
    import json

    from edgedeploy.agent import config

    with contextlib.suppress(ValueError, AttributeError, TypeError):
        if wanted := json.loads(told).get("runtimes"):
            return "xen" in wanted
    with contextlib.suppress(errors.EdgeError):
        return "xen" in config.load(layout.config).runtimes
    return True


def _end(outcome: dict[str, object]) -> int:
    """Say in one line what became of it; exit 0 only when what was wanted is served."""
    verdict, running = outcome["verdict"], outcome["running"] or "nothing"
    said = f"{verdict}: {running} is on air"
    if outcome["outage_ms"]:
        said += (
            f", {'outage' if outcome['was_on_air'] else 'first start'} {int(str(outcome['outage_ms'])) / 1000:.1f} s"
        )
    elif outcome["swap"] and verdict == "live":
        said += ", outage none"
    if outcome["kept"]:
        said += f"; {outcome['kept']} waits for a way back at once"
    if outcome["reason"]:
        from edgedeploy.core.names import printable

        said += f" ({printable(str(outcome['reason']), 500)})"
    print(said)  # noqa: T201 - a command line
    if verdict in _GOOD:
        return 0
    return {"rolled-back": errors.RolledBack.exit_code, "quarantined": errors.Quarantined.exit_code}.get(
        str(verdict), errors.RollbackFailed.exit_code
    )


def _say(data: object) -> int:
    import json

    print(json.dumps(data, indent=1, sort_keys=True))  # noqa: T201 - a command line
    return 0


def _who(default: str) -> str:
    return os.environ.get("SUDO_USER") or (os.environ.get("USER", default) if sys.stdin.isatty() else default)


if __name__ == "__main__":
    sys.exit(main())
