"""cron's look for news, where there is none: a few lines of shell, because a Python that starts costs what the look costs.

A tick of the agent that found everything in order leaves a note. For an hour the script asks only what may have changed since:
the remote's branch, the checked-out commit, and whether the guest still runs on its bridge. Whatever else it finds, or does
not find, it leaves to `edgedeploy-agent pull`. The note goes when a deployment begins, and with the board's power.
"""

from __future__ import annotations

from pathlib import Path

from edgedeploy.agent import kept, plan, state
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import PROGRAM, AppLayout
from edgedeploy.agent.xen import Running
from edgedeploy.core import files

TRUSTED_S = 3600
TEXT = rf"""#!/bin/sh
# Written by `edgedeploy enrol`: `tick APP SECONDS [ROOT]`, called by cron. Is there news, and does the guest run?
app=$1 spread=$2 root=$3
wait=; read -r wait < /proc/sys/kernel/random/uuid
[ "$spread" -gt 0 ] && sleep $(( 0x${{wait%"${{wait#????}}"}} % spread ))
export LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
export GIT_SSH_COMMAND="${{GIT_SSH_COMMAND:-ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10}}"
quiet() {{
    read -r until && read -r repo && read -r branch && read -r commit && read -r guest || return
    read -r up _ < "$root/proc/uptime" && [ "${{up%.*}}" -lt "$until" ] || return
    read -r here < "$repo/.git/refs/heads/$branch" && [ "$here" = "$commit" ] || return
    there=$(git -C "$repo" -c http.lowSpeedLimit=500 -c http.lowSpeedTime=30 ls-remote origin "refs/heads/$branch") || return
    [ "${{there%%[!0-9a-f]*}}" = "$commit" ] || return
    set -- $(xl list "$guest" | tail -n +2)
    case $5 in *[pscd]*|'') return 1 ;; esac
    [ -e "$root/sys/class/net/vif$2.0/master" ]
}}
quiet 2>/dev/null < "$root/run/edgedeploy/quiet/$app" && exit 0
exec "$root{PROGRAM}" pull "$app"
"""


def note(layout: AppLayout, repo: GitRepo, running: list[Running], uptime: float) -> None:
    """Everything was in order just now; `uptime` is the board's, in seconds. Where something is not after all, nothing is noted."""
    now, commit = state.load(layout.state), repo.head()
    guest = next((one for one in running if now.good and one.uuid == now.good.uuid), None)
    words = [f"{uptime + TRUSTED_S:.0f}", str(repo.folder), repo.branch, commit or "", guest.name if guest else ""]
    waits = now.previous and kept.is_kept(layout, now.previous.uuid)  # its time is looked after by whoever looks at all
    if now.phase == plan.STEADY and not now.reason and not waits and all(words) and "\n" not in "".join(words):
        files.atomic_write(layout.quiet, "".join(f"{word}\n" for word in words).encode(), 0o600)


def uptime(root: Path) -> float:
    """The board's, in seconds (proc(5)); 0 where nothing says so: then what is noted is over soon."""
    try:
        return float((root / "proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
