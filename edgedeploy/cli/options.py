"""Options that several commands share: one spelling, one help text, one environment variable each.

A command takes what it needs:

    @click.command()
    @options.app_argument
    @options.on
    @options.as_json
    @options.pass_session
    def status(session: Session, app: str | None, board: str | None, as_json: bool) -> None: ...
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgedeploy.cli import completing, words
from edgedeploy.core import errors

if TYPE_CHECKING:
    from pathlib import Path

    from edgedeploy.cli.settings import Settings
    from edgedeploy.ports.report import Report

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """What one run of the program was told globally; commands get it with `pass_session`."""

    verbosity: int = 0
    config: Path | None = None
    argv: tuple[str, ...] = field(default=())

    @cached_property
    def settings(self) -> Settings:
        """The merged configuration files, read on first use."""
        from edgedeploy.cli import settings  # noqa: PLC0415 - a page of help reads no file

        return settings.load(self.config)

    @cached_property
    def report(self) -> Report:
        """Where this run says what it does: rich on a terminal, plain lines elsewhere, quiet with -q."""
        from edgedeploy.ui import report as reports  # noqa: PLC0415 - as above

        return reports.for_terminal(self.verbosity)

    @property
    def wants_json(self) -> bool:
        """Whether --json was given, known even when the command line did not parse."""
        return "--json" in self.argv[: self.argv.index("--") if "--" in self.argv else len(self.argv)]

    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before what cannot be undone. Never prompts without a terminal: then --yes is needed."""
        if yes:
            return
        if not self.can_ask():
            raise errors.UsageFault(f"{question} - cannot ask: the input is not a terminal", hint="add --yes")
        if not click.confirm(question, err=True):
            raise errors.Interrupted("nothing was done")


pass_session = click.make_pass_decorator(Session, ensure=True)


def emit_json(data: object) -> None:
    """Print a command's one JSON document on stdout."""
    import json  # noqa: PLC0415 - as above

    click.echo(json.dumps(data, indent=2, default=str))


class AsPath(click.Path):
    """A click.Path that gives a pathlib.Path, which is imported for a path that was typed only."""

    def coerce_path_result(self, value: Any) -> Any:
        """See click.Path."""
        from pathlib import Path  # noqa: PLC0415 - as above

        return Path(value)


class FilePath(AsPath):
    """A path that was typed. An empty one (an unset shell variable, mostly) is named, not taken for this folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click.Path."""
        if value == "":
            said = param.opts[0] if param else "the path"
            named = said if said.startswith("-") else said.upper()  # an argument is shown as KERNEL
            raise errors.UsageFault(f"{named} is empty", hint="give it a path, or leave it out")
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address as typed: a name or an IP address, and a port where one was given."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})")
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+(%\w+)?)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")


def parse_host(text: str) -> HostPort:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address. Raises errors.UsageFault."""
    import ipaddress  # noqa: PLC0415 - as above

    match = _ADDRESS.fullmatch(text)
    bare_six = text.count(":") > 1 and not text.startswith("[")
    try:
        if bare_six:
            return HostPort(str(ipaddress.IPv6Address(text)))
        if match and match["six"]:
            host = str(ipaddress.IPv6Address(match["six"]))
        elif match and _HOST.fullmatch(match["name"]):
            host = match["name"]
        else:
            raise ValueError
        port = int(match["port"]) if match["port"] else None
        if port is not None and not 1 <= port <= 65535:
            raise ValueError
    except ValueError:
        raise errors.UsageFault(
            f"{text!r} is not an address", hint="such as 192.168.1.20, board.local:2222 or [fe80::1%eth0]:22"
        ) from None
    return HostPort(host, port)


class HostType(click.ParamType):  # type: ignore[type-arg]  # generic only in new click versions
    """click's view of `parse_host`."""

    name = "ADDR[:PORT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> HostPort:
        """Parse, or fail with the parser's own words."""
        if isinstance(value, HostPort):
            return value
        try:
            return parse_host(str(value))
        except errors.UsageFault as error:
            self.fail(f"{error.message}: {error.hint}", param, ctx)


class SecondsType(click.ParamType):  # type: ignore[type-arg]  # generic only in new click versions
    """A duration: 30, 2.5, 30s, 2m, 1h."""

    name = "SECONDS"
    _units = {"": 1, "s": 1, "m": 60, "h": 3600}  # noqa: RUF012  # click declares ParamType without ClassVars
    _form = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smh]?)")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse; zero and negative durations are refused."""
        if isinstance(value, int | float):
            return float(value)
        match = self._form.fullmatch(str(value))
        seconds = float(match[1]) * self._units[match[2]] if match else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is not a duration such as 30, 30s or 2m", param, ctx)
        return seconds


class InterfacesType(click.ParamType):  # type: ignore[type-arg]  # generic only in new click versions
    """One interface name or address, or several with commas (an environment variable holds one string)."""

    name = "IFACE"
    envvar_list_splitter = ","

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take a network interface's name or one of its addresses."""
        text = str(value).strip()
        if not re.fullmatch(r"[A-Za-z0-9.:%_@-]{1,64}", text):
            self.fail(f"{text!r} is not a network interface name or address", param, ctx)
        return text


def _session_of(ctx: click.Context) -> Session:
    return ctx.ensure_object(Session)


app_argument = click.argument("app", required=False, shell_complete=completing.apps)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
on = click.option(
    "--on", "board", metavar="BOARD", envvar="EDGEDEPLOY_BOARD", shell_complete=completing.boards,
    help="The board, by name.",
)  # fmt: skip
host = click.option(
    "--host", type=HostType(), envvar="EDGEDEPLOY_HOST", help="The board's address; skips looking for it."
)
_via = click.option(
    "--via", type=click.Choice(words.VIA), envvar="EDGEDEPLOY_VIA",
    help="The wire to take; auto: the network, and the serial cable when that has failed.",
)  # fmt: skip
_port = click.option(
    "--port", metavar="PORT", envvar="EDGEDEPLOY_PORT", shell_complete=completing.ports, help="The serial port, such as /dev/ttyUSB0."
)
timeout = click.option(
    "-t",
    "--timeout",
    type=SecondsType(),
    envvar="EDGEDEPLOY_TIMEOUT",
    help="How long to wait at most (30, 2m).",
)
interface = click.option(
    "--interface", "interfaces", multiple=True, type=InterfacesType(), envvar="EDGEDEPLOY_INTERFACES",
    help="Look for boards only here; may be repeated.",
)  # fmt: skip


def way(command: F) -> F:
    """--via, --port and --timeout, for every command that talks to a board."""
    return _via(_port(timeout(command)))


def dry_run(command: F) -> F:
    """-n/--dry-run, and --dryrun as `xl` spells it."""

    def set_it(ctx: click.Context, _param: click.Parameter, given: bool) -> None:
        if given:
            ctx.params["dry_run"] = True

    alias = click.option("--dryrun", is_flag=True, hidden=True, expose_value=False, callback=set_it)
    flag = click.option(
        "-n",
        "--dry-run",
        "dry_run",
        is_flag=True,
        callback=lambda ctx, _param, given: given or ctx.params.get("dry_run", False),
        help="Say what would be done, and do nothing.",
    )
    return alias(flag(command))


def _count(step: int) -> Callable[[click.Context, click.Parameter, int], None]:
    def add(ctx: click.Context, _param: click.Parameter, times: int) -> None:
        _session_of(ctx).verbosity += step * times

    return add


def _set_config(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    if path is not None:
        _session_of(ctx).config = path


def _everywhere(*, root: bool) -> list[click.Option]:
    quiet = click.Option(["-q", "--quiet"], count=True, expose_value=False, callback=_count(-1), help=words.QUIET)
    verbose = click.Option(
        ["-v", "--verbose"], count=True, expose_value=False, callback=_count(+1), help=words.VERBOSE
    )  # fmt: skip
    config = click.Option(
        ["-c", "--config"],
        type=AsPath(dir_okay=False),
        expose_value=False,
        callback=_set_config,
        # only once: at the sub-command it would win over a -c that was typed before it
        envvar="EDGEDEPLOY_CONFIG" if root else None,
        help=words.CONFIG,
    )
    return [verbose, quiet, config]


def add_everywhere(command: click.Command, *, root: bool = False) -> click.Command:
    """Give `command`, and the commands below it, -v, -q and -c: people type them at either end of the line.

    A command that spells an option of its own the same way keeps it.
    """
    taken = {name for param in command.params for name in param.opts}
    for option in _everywhere(root=root):
        if not taken & set(option.opts):
            command.params.append(option)
    if isinstance(command, click.Group):
        for child in command.commands.values():
            add_everywhere(child)
    return command
