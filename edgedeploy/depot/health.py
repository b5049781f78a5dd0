"""From the configuration's [network] and [health] to what a manifest asks of the board."""

from __future__ import annotations

from collections.abc import Mapping

from edgedeploy.core.names import Sha256, UrlPath
from edgedeploy.core.release import Health
from edgedeploy.depot.config import Config


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
