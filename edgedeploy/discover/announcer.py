"""Announces a board that cannot do it itself: the virtual board behind user-mode networking, on the loopback."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from zeroconf import DNSQuestionType, IPVersion, ServiceInfo, Zeroconf

from edgedeploy.core import errors
from edgedeploy.core.announce import Announcement, txt_pairs, txt_records
from edgedeploy.core.names import BoardName
from edgedeploy.discover.mdns import TYPE

PROBE = 1200
"""milliseconds to wait for another owner of the name: who spoke within the last second stays silent (RFC 6762, 6)"""


class Announcer:
    """A context manager: announced from `with` (which takes two seconds) until its end, then a goodbye."""

    def __init__(
        self,
        name: BoardName,
        announcement: Announcement,
        port: int,
        *,
        addresses: Sequence[str] = ("127.0.0.1",),
        interfaces: Sequence[str] = ("127.0.0.1",),
    ) -> None:
        """`port` is where SSH answers on `addresses`; `interfaces` are the IPv4 addresses to announce on."""
        self._name = name
        self._announcement = announcement
        self._port = port
        self._addresses = list(addresses)
        self._interfaces = list(interfaces)
        self._zeroconf: Zeroconf | None = None
        self._instance = name

    def update(self, announcement: Announcement) -> None:
        """Say something else from now on. Raises ValueError as txt_records does."""
        if announcement == self._announcement:
            return
        self._announcement = announcement
        if self._zeroconf is not None:
            self._zeroconf.update_service(self._info())

    def __enter__(self) -> Self:
        try:
            self._zeroconf = Zeroconf(interfaces=self._interfaces, ip_version=IPVersion.V4Only)
            self._instance = self._free_name(self._zeroconf)
            self._zeroconf.register_service(self._info(), cooperating_responders=True)
        except OSError as fault:
            self._close()
            raise errors.WireFault(
                f"cannot announce {self._name} by mDNS: {fault.strerror or fault}",
                hint="the board can still be reached by its address: --host",
            ) from fault
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _free_name(self, zeroconf: Zeroconf) -> BoardName:
        """The name, or name-2 when another board has it.

        Not zeroconf's own probing: that asks for an answer to itself alone, and on the loopback such an answer
        reaches any of the programs that share 127.0.0.1:5353.
        """
        name, number = self._name, 1
        while True:
            there = zeroconf.get_service_info(TYPE, f"{name}.{TYPE}", PROBE, DNSQuestionType.QM)
            if there is None or there.properties.get(b"id") == self._announcement.board_id.encode():
                return name
            number += 1
            name = BoardName(f"{self._name[:59]}-{number}")

    def _close(self) -> None:
        if self._zeroconf is not None:
            self._zeroconf.close()  # says goodbye for what is registered
            self._zeroconf = None

    def _info(self) -> ServiceInfo:
        said = self._announcement
        return ServiceInfo(
            TYPE,
            f"{self._instance}.{TYPE}",
            port=self._port,
            properties=dict(txt_pairs(txt_records(said))),
            # a host name of its own: the laptop's must not point to the loopback
            server=f"edgedeploy-{said.board_id}.local.",
            parsed_addresses=self._addresses,
        )
