"""Finds boards by mDNS on every network of this machine at once."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from zeroconf import DNSQuestionType, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from edgedeploy.core import errors
from edgedeploy.core.announce import SERVICE_TYPE, BadAnnouncement
from edgedeploy.core.names import printable
from edgedeploy.discover import interfaces as nets
from edgedeploy.discover.sighting import Sighting, from_service, settle

TYPE = f"{SERVICE_TYPE}.local."
RESOLVE = 3.0
"""seconds to ask for what a first answer left out (address, TXT)"""
SECOND_QUESTION = 0.25
"""seconds between the two ways to ask. "Answer to all" is answered within 120 ms, except by a board that spoke within
the last second: it stays silent for the rest of it (RFC 6762, 6). So then "answer to me alone", which it may answer.
Not the other way round, and not at once: where 127.0.0.1:5353 is shared, that answer lands in any sharer's socket, and
on the loopback in the answerer's own, who then believes to have spoken to all."""
LOOK_AGAIN = 1.0
"""seconds between two looks at this machine's networks: a cable that is plugged in while we search is searched too"""
MEMBERSHIPS = "/proc/sys/net/ipv4/igmp_max_memberships"
"""to how many networks Linux lets one socket listen (ip(7)); with docker's bridges a laptop soon has more"""
BOARDS = 500
"""more than anybody has on one network: a stranger must not fill the memory"""


def _nothing(*_: object) -> None:
    """The listener of a caller who does not listen."""


def browse(
    timeout: float | None,
    interfaces: Sequence[str] = (),
    *,
    on_sighting: Callable[[Sighting], None] = _nothing,
    on_gone: Callable[[Sighting], None] = _nothing,
    on_ignored: Callable[[str, str], None] = _nothing,
    until: Callable[[Sequence[Sighting]], bool] = lambda _seen: False,
) -> list[Sighting]:
    """Look for boards for `timeout` seconds (None: until interrupted) or until `until(all seen)` is true.

    `interfaces` are names or addresses of this machine's, all of them when empty. `on_sighting` is called for
    each board as it appears and again when its announcement changes, `on_gone` when it says goodbye,
    `on_ignored(name, reason)` for announcements that make no sense; both words are safe to print. Callbacks run
    in the calling thread; what they raise ends the search.

    A network that comes meanwhile is searched too. Raises WireFault when this machine cannot do mDNS at all, UsageFault
    for an unknown interface.
    """
    known = nets.networks()
    if not any(nets.multicasting(nets.named(known, interfaces))):
        raise errors.WireFault("no network of this machine can multicast", hint=_HINT)
    watch = _Watch(known, on_sighting, on_gone, on_ignored, until)
    asyncio.run(watch.run(interfaces, timeout))
    return watch.settled


_HINT = "give the board's address: --host 192.168.1.7"


class _Watch:
    """What has been seen so far, by the service's full name."""

    def __init__(
        self,
        known: Sequence[nets.Network],
        on_sighting: Callable[[Sighting], None],
        on_gone: Callable[[Sighting], None],
        on_ignored: Callable[[str, str], None],
        until: Callable[[Sequence[Sighting]], bool],
    ) -> None:
        self._known = known
        self._on_sighting = on_sighting
        self._on_gone = on_gone
        self._on_ignored = on_ignored
        self._until = until
        self._seen: dict[str, Sighting] = {}
        self._ignored: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] | None = None
        self._joined: set[nets.Choice] = set()
        self._open: list[AsyncZeroconf] = []
        self.settled: list[Sighting] = []

    async def run(self, interfaces: Sequence[str], timeout: float | None) -> None:
        ended = self._ended = asyncio.get_running_loop().create_future()
        left = timeout
        try:
            self._listen(interfaces)
            while not ended.done() and (left is None or left > 0):
                step = LOOK_AGAIN if left is None else min(LOOK_AGAIN, left)
                left = None if left is None else left - step
                await asyncio.wait([ended], timeout=step)
                self._known = nets.networks()
                with contextlib.suppress(
                    errors.UsageFault, errors.WireFault
                ):  # what was there is gone, and may come back
                    self._listen(interfaces)
            if ended.done():
                ended.result()  # raises what a listener raised
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*(mdns.async_close() for mdns in self._open))

    def _listen(self, interfaces: Sequence[str]) -> None:
        """Ask on every network that nothing asks on yet. Raises as `browse`."""
        wanted = nets.named(self._known, interfaces)
        self._joined &= {network.choice for network in wanted}  # one that comes back is another one
        new = list(nets.multicasting([network for network in wanted if network.choice not in self._joined]))
        most = _memberships()
        for some in (new[start : start + most] for start in range(0, len(new), most)):
            mdns = _open(some)
            self._open.append(mdns)
            self._joined.update(some)
            task = asyncio.get_running_loop().create_task(self._ask(mdns.zeroconf))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, zeroconf: Zeroconf) -> None:
        """Both ways, one after the other; who asks goes on until `zeroconf` is closed."""
        AsyncServiceBrowser(zeroconf, TYPE, [self._on_change], question_type=DNSQuestionType.QM)
        await asyncio.sleep(SECOND_QUESTION)
        AsyncServiceBrowser(zeroconf, TYPE, [self._on_change])

    def _on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            self._seen.pop(name, None)
            self._tell()
            return
        if len(self._seen) + len(self._tasks) >= BOARDS:
            return
        task = asyncio.get_running_loop().create_task(self._look(zeroconf, service_type, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        info = AsyncServiceInfo(service_type, name)
        if not info.load_from_cache(zeroconf):
            await info.async_request(zeroconf, RESOLVE * 1000, DNSQuestionType.QM)
        instance = name.removesuffix(f".{service_type}")
        try:
            addresses = map(_with_interface, info.parsed_scoped_addresses(IPVersion.All))
            self._seen[name] = from_service(
                instance, info.port, addresses, info.properties, functools.partial(nets.near, self._known)
            )
        except BadAnnouncement as reason:
            self._seen.pop(name, None)
            self._ignore(instance, str(reason))
        self._tell()

    def _ignore(self, instance: str, reason: str) -> None:
        said = (printable(instance, 80).replace("\n", " "), printable(reason, 200))
        if said not in self._ignored and len(self._ignored) < 100:  # a chatty stranger must not fill the memory
            self._ignored.add(said)
            self._guarded(lambda: self._on_ignored(*said))

    def _tell(self) -> None:
        """Call the listeners with what changed since the last time."""
        before, self.settled = self.settled, settle(self._seen.values())
        places = {(s.board_id, s.name) for s in self.settled}
        for sighting in self.settled:
            if sighting not in before:
                self._guarded(functools.partial(self._on_sighting, sighting))
        for sighting in before:
            if (sighting.board_id, sighting.name) not in places:
                self._guarded(functools.partial(self._on_gone, sighting))
        self._guarded(self._check_end)

    def _check_end(self) -> None:
        if self._ended is not None and not self._ended.done() and self._until(self.settled):
            self._ended.set_result(None)

    def _guarded(self, call: Callable[[], None]) -> None:
        """Run a listener; what it raises ends the search and reaches the caller of browse."""
        assert self._ended is not None
        if self._ended.done():
            return
        try:
            call()
        except Exception as fault:  # noqa: BLE001 - handed on, whatever it is
            self._ended.set_exception(fault)


def _open(choices: list[nets.Choice]) -> AsyncZeroconf:
    six = any(isinstance(choice, int) for choice in choices)
    four = any(isinstance(choice, str) for choice in choices)
    version = IPVersion.All if six and four else IPVersion.V6Only if six else IPVersion.V4Only
    try:
        return AsyncZeroconf(interfaces=choices, ip_version=version)
    except OSError as fault:
        raise errors.WireFault(
            f"cannot listen for mDNS on UDP port 5353: {fault.strerror or fault}",
            hint=f"another program may hold the port for itself (ss -ulpn 'sport = :5353'); {_HINT}",
        ) from fault


def _memberships() -> int:
    try:
        return max(1, int(Path(MEMBERSHIPS).read_text()))
    except (OSError, ValueError):
        return 20  # Linux' own; other systems allow more


def _with_interface(address: str) -> str:
    """fe80::1%2 -> fe80::1%eth0, which stays right when it is written down."""
    host, percent, scope = address.partition("%")
    with contextlib.suppress(OSError, ValueError):
        return f"{host}%{socket.if_indextoname(int(scope))}" if percent else host
    return address
