"""How a failure looks, and its exit code.

The voice: lower case, no full stop, stderr only, no traceback unless -v asks for it. With --json the same
facts are one object on stdout, so that a script need not read prose. Everything shown passes `printable`:
board names, git's words and console lines come from outside.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from dataclasses import dataclass

import click

from edgedeploy.cli.options import Session, emit_json
from edgedeploy.core import errors
from edgedeploy.core.names import printable

# what a shell reports for a program that SIGPIPE ended, as `cat` would be
_READER_LEFT = 141
# click 8.1 has no such class; there the help is printed and the command ends by itself
_ONLY_HELP: tuple[type[Exception], ...] = tuple(
    cls for cls in [getattr(click.exceptions, "NoArgsIsHelpError", None)] if cls
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure in words."""

    code: str
    exit_code: int
    message: str
    hint: str = ""
    details: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    """lines for -v, and for programs"""


def conclude(error: BaseException, session: Session) -> int:
    """Tell the user about `error` and return the exit code."""
    if isinstance(error, BrokenPipeError) and _reader_left():
        _silence_stdout()
        return _READER_LEFT
    if isinstance(error, _ONLY_HELP):
        click.echo(str(error), err=True)
        return 2
    failure = describe(error)
    if session.verbosity > 0 and _is_bug(error):
        import traceback  # noqa: PLC0415 - what is mistyped is no bug, and shows none

        traceback.print_exception(error, file=sys.stderr)
    with contextlib.suppress(OSError):
        _show(failure, verbose=session.verbosity > 0)
    if session.wants_json:
        try:
            emit_json({"error": {
                "code": failure.code, "exit_code": failure.exit_code, "message": failure.message,
                "hint": failure.hint, "details": [*failure.details, *failure.more],
            }})  # fmt: skip
            sys.stdout.flush()
        except BrokenPipeError:
            _silence_stdout()
    return failure.exit_code


def describe(error: BaseException) -> Failure:
    """The words for an error: ours, click's, an interruption, or a bug."""
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return Failure(slug(errors.UsageFault), errors.UsageFault.exit_code, error.format_message())
    if isinstance(error, KeyboardInterrupt | click.Abort | EOFError):
        by = f" by {error}" if isinstance(error, KeyboardInterrupt) and str(error) else ""
        return Failure(slug(errors.Interrupted), errors.Interrupted.exit_code, f"interrupted{by}")
    if isinstance(error, errors.EdgeError) and not isinstance(error, errors.Bug):
        return Failure(slug(type(error)), error.exit_code, error.message, error.hint, error.details, error.more)
    if isinstance(error, OSError) and (told := _of_this_computer(error)):
        return told
    return _bug(error)


def slug(cls: type[errors.EdgeError]) -> str:
    """An error class's stable name in JSON: DoesNotFit is `does-not-fit`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


_HINTS = {
    errno.EACCES: "run it as whom that belongs to, or keep your files elsewhere: EDGEDEPLOY_CONFIG_DIR, _STATE_DIR, _CACHE_DIR",
    errno.EROFS: "keep edgedeploy's files where you may write: EDGEDEPLOY_CONFIG_DIR, _STATE_DIR, _CACHE_DIR",
    errno.ENOSPC: "make room on this computer: df -h shows where it is full",
    errno.EMFILE: "let it open more: ulimit -n 1024",
}  # fmt: skip
_HINTS |= {errno.EPERM: _HINTS[errno.EACCES], errno.EDQUOT: _HINTS[errno.ENOSPC], errno.ENFILE: ""}


def _of_this_computer(error: OSError) -> Failure | None:
    """Words for what this computer's files refused, wherever we met it; None for what may be our own mistake."""
    from edgedeploy.ports import folders  # noqa: PLC0415 - what is mistyped needs none

    cls = errors.UsageFault
    if isinstance(error, FileNotFoundError) and error.filename is None and folders.here() is None:
        return Failure(slug(cls), cls.exit_code, "the folder you stand in is not there any more", "go to another: cd ~")
    if error.errno not in _HINTS:
        return None
    why = (error.strerror or str(error)).lower()
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else "this computer: "
    return Failure(slug(cls), cls.exit_code, f"{where}{why}", _HINTS[error.errno])


def _usage(error: click.UsageError) -> Failure:
    path = error.ctx.command_path if error.ctx else "edgedeploy"
    # click's messages are sentences; ours follow "edgedeploy: " and run on
    message = " ".join(error.format_message().split()).removesuffix(".")
    message = message[:1].lower() + message[1:]
    usage = (" ".join(error.ctx.get_usage().split()),) if error.ctx else ()
    return Failure(slug(errors.UsageFault), errors.UsageFault.exit_code, message, f"{path} --help", usage)


def _is_bug(error: BaseException) -> bool:
    known = (errors.EdgeError, click.ClickException, click.Abort, KeyboardInterrupt, EOFError)
    if isinstance(error, OSError) and _of_this_computer(error):
        return False
    return isinstance(error, errors.Bug) or not isinstance(error, known)


def _bug(error: BaseException) -> Failure:
    import tempfile  # noqa: PLC0415 - as above
    import traceback  # noqa: PLC0415

    own = error if isinstance(error, errors.Bug) else None
    words = own.message if own else " ".join("".join(traceback.format_exception_only(error)).split())
    details = own.details if own else ()
    try:
        with tempfile.NamedTemporaryFile("w", prefix="edgedeploy-", suffix=".txt", delete=False) as file:
            traceback.print_exception(error, file=file)
        details += (f"traceback written to {file.name}",)
    except OSError as problem:  # a full disk must not hide the bug itself
        details += (f"the traceback could not be written: {problem}",)
    hint = own.hint if own and own.hint else "please report it with that file; -v shows the traceback here"
    return Failure(slug(errors.Bug), errors.Bug.exit_code, f"this is a bug in edgedeploy: {words}", hint, details)


def _show(failure: Failure, *, verbose: bool) -> None:
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")

    def styled(text: str, **style: object) -> str:
        return click.style(text, **style) if colour else text  # type: ignore[arg-type]  # click.style's own keywords

    lines = [f"{styled('edgedeploy:', fg='red', bold=True)} {printable(failure.message)}"]
    for detail in (*failure.details, *(failure.more if verbose else ())):
        lines += [f"  {line}" for line in printable(detail).splitlines()]
    if failure.more and not verbose:
        lines.append(f"  ({len(failure.more)} more lines with -v)")
    if failure.hint:
        # what can be done instead stands on a line of its own
        lines.append(f"{styled('hint:', fg='cyan')} " + printable(failure.hint).replace("\n", "\n      "))
    click.echo("\n".join(lines), err=True, color=colour)


def _reader_left() -> bool:
    """Whether it was our own stdout that broke, and not a connection whose error nobody translated."""
    import select  # noqa: PLC0415 - as above

    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False


def _silence_stdout() -> None:
    """Point stdout at /dev/null, so that the interpreter's own last flush stays quiet."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
