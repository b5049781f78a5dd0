"""The network of releases that are processes: the machine's own. One address and port are one process's, so nothing is beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedeploy.core import errors

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Sequence

    from edgedeploy.core.names import AppName
    from edgedeploy.core.release import Manifest


class HostNetwork:
    """Network without anything to move."""

    script = ""

    def off_air(self, domid: int) -> bool:  # noqa: ARG002 - Network's shape, here and below
        """What runs is on air."""
        return False

    def obstacle(self, manifest: Manifest) -> str:  # noqa: ARG002
        """Always one."""
        return "two programs cannot answer at one address and port"

    def prepare(self, manifest: Manifest) -> None:
        """Never asked: see `obstacle`."""
        raise errors.Bug(f"nothing can be beside {manifest.app}")

    def inside(self, app: AppName) -> contextlib.AbstractContextManager[None]:
        """As `prepare`."""
        raise errors.Bug(f"nothing can be beside {app}")

    def cut_over(self, manifest: Manifest, domid: int, old: Sequence[int]) -> None:  # noqa: ARG002
        """As `prepare`."""
        raise errors.Bug(f"nothing can be beside {manifest.app}")

    def take_off(self, domid: int) -> None:
        """Nothing to do: what ends has left."""

    def clear(self, app: AppName, uuids: Sequence[str]) -> None:
        """Nothing to do: `prepare` has made nothing."""
