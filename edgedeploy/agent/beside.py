"""Whether a release can be started beside the one on air: asked before anything is touched, and told with the numbers."""

from __future__ import annotations

from collections.abc import Iterable

from edgedeploy.agent import facts
from edgedeploy.agent.network import Network
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors
from edgedeploy.core.release import Manifest

AS_ASKED = "as asked (swap: in-place)"


def obstacle(
    manifest: Manifest, how: str, network: Network, runtime: Runtime, gone: Iterable[Running]
) -> errors.EdgeError | None:
    """Why it is to take the other's place instead, as a DoesNotFit or a NoRoom; None where it can stand beside it.

    `how` is one of release.SWAPS; `gone` are domains that will have been ended by then.
    """
    if how == "in-place":
        return errors.DoesNotFit(AS_ASKED)
    if why := network.obstacle(manifest):
        return errors.DoesNotFit(why)
    missing = missing_mb(manifest, runtime, gone)
    if missing is None or missing[0] <= 0:
        return None
    return errors.NoRoom(f"needs {missing[1]} MB, {missing[1] - missing[0]} MB free")


def missing_mb(manifest: Manifest, runtime: Runtime, gone: Iterable[Running]) -> tuple[int, int] | None:
    """MB that one more guest lacks, and what it needs; None where the board does not say what it has."""
    from edgedeploy.core import memory  # noqa: PLC0415 - a tick without news need not pay for it

    free = facts.live(runtime).free_memory_mb
    if free is None:
        return None
    need = memory.host_need_mb(manifest.domain.memory_mb, max(manifest.domain.vcpus, 1))
    return need - free - sum(domain.memory_mb for domain in gone), need


def refusal(manifest: Manifest, problem: errors.EdgeError) -> errors.EdgeError:
    """The same, where it was to be beside or not at all."""
    return type(problem)(
        f"{manifest.app} {manifest.release} cannot be started beside what is on air: {problem.message}; "
        "nothing was touched",
        hint="let it take its place all the same: edgedeploy push --swap in-place",
    )
