"""`edgedeploy push`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import HostPort, Session

if TYPE_CHECKING:
    from edgedeploy.flows.find import Found


@click.command(short_help="Put what is in your folder on a board.")
@options.app_argument
@options.on
@options.host
@options.interface
@options.way
@click.option("--retry", is_flag=True, help="Try a release again that failed on this board before.")
@click.option(
    "--swap", type=click.Choice(["auto", "blue-green", "in-place"]),
    help="Start it beside what is on air where that is possible (auto), there or not at all, or in its place.",
)
@click.option("--keep", is_flag=True, help="Do not offer to go back when this laptop sees something else there.")
@click.option("--no-release", is_flag=True, help="Push the latest release as it is, whatever has changed since.")
@click.option(
    "--over", is_flag=True,
    help="Last resort where the board has another history: yours takes its place; the board keeps its own under a git ref.",
)
@options.yes
@options.dry_run
@options.as_json
@options.pass_session
def push(
    session: Session,
    app: str | None,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    retry: bool,
    swap: str | None,
    keep: bool,
    no_release: bool,
    over: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put what is in APP's folder on a board, and prove that it is served.

    APP is a name from your configuration, a folder, or left out: then it is the repository you stand in. Where slides,
    kernel or edgedeploy.toml have changed since the latest release, a new one is made and committed first, as
    `edgedeploy release` does. Nothing on the board is touched until it is proven to fit. Where the board has room, it
    is started and proven beside what is on air, and takes its place without an outage; if it is not served in the
    end, the board puts the previous one back and the exit code is 40.
    """
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.flows import push as flow  # noqa: PLC0415
    from edgedeploy.flows.context import not_enrolled  # noqa: PLC0415
    from edgedeploy.profiles import catalog  # noqa: PLC0415
    from edgedeploy.ui import deployment, deploymentjson  # noqa: PLC0415

    repository = session.settings.resolve_app(app)
    wanted = target.wanted(session, board, host, None, repository, target.Way(via, port, timeout))
    context = target.context(session, interfaces, wanted)

    def offer(found: Found) -> None:
        from edgedeploy.cli import enrolling  # noqa: PLC0415 - paramiko, for a board that is not enrolled

        if not found.hosts:
            raise not_enrolled(found)
        session.confirm(f"{found.label} is not enrolled on this laptop. Enrol it now?", yes=yes)
        enrolling.enrol_found(found, context)

    def go_back(release: str) -> bool:
        # that nobody is there to ask is no reason to undo what the board has proven
        asks = not (keep or yes or as_json) and session.can_ask()
        return asks and click.confirm(f"Go back to {release} at once?", err=True)

    request = flow.Request(repository, wanted, dry_run, retry, not no_release, swap or "", go_back, over)
    result = flow.push(request, context, catalog.load_all(), offer)
    if as_json:
        options.emit_json(deploymentjson.of_push(result).to_plain())
    else:
        click.echo(deployment.pushed(result))
    if result.left:
        click.echo(deployment.left(result), err=True)
