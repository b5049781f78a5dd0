"""`edgedeploy completion SHELL`: the completion script, to be evaluated or saved where the shell looks."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from edgedeploy.cli import words
from edgedeploy.core import errors


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  edgedeploy completion bash > ~/.local/share/bash-completion/completions/edgedeploy
    zsh:   edgedeploy completion zsh > ~/.zfunc/_edgedeploy     (a folder of $fpath)
    fish:  edgedeploy completion fish > ~/.config/fish/completions/edgedeploy.fish
    """
    script = get_completion_class(shell)
    if script is None:
        raise errors.Bug(f"click knows no completion for {shell}")
    root = ctx.find_root()
    click.echo(script(root.command, {}, words.PROGRAM, words.COMPLETE).source())
