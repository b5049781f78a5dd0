"""What a release is asked: from edgedeploy.toml's [network] and [health], or from what a board was told of an app."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgedeploy.core import errors, names
from edgedeploy.core.names import Sha256, UrlPath
from edgedeploy.core.project import Config
from edgedeploy.core.release import Health, parse_address

_PAGE = re.compile(r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/.*)")


def health_of(config: Config, serves: Mapping[UrlPath, Sha256]) -> Health | None:
    """The probe, None where there is no address to ask."""
    if config.network is None:
        return None
    asked = config.health
    return Health(
        address=str(config.network.interface.ip),
        port=asked.port,
        path=asked.path,
        status=asked.status,
        timeout_s=asked.timeout_s,
        serves=dict(serves),
    )


def told(address: str, page: str = "") -> Health | None:
    """The probe of a guest at `address` (IPv4 or IPv6, "" : none), asked for `page`: a path, :8080/path, or "" for /.

    Raises errors.UsageFault.
    """
    if not address:
        return None
    match = _PAGE.fullmatch(page or "/")
    port = int(match["port"] or 80) if match else 0
    if not match or not 1 <= port <= 65535:
        raise errors.UsageFault(f"{names.shown(page)} is no page of a guest", hint="such as / or :8080/index.html")
    return Health(parse_address(address), port, UrlPath.parse(match["path"]), 200, 60)
