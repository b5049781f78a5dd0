"""Who has the address that a guest is about to take: asked by ARP, as RFC 5227 has it (an address probe).

The kernel's own table would not do: it keeps the names of machines that are long gone. IPv4 alone.
"""

from __future__ import annotations

import select
import socket
import struct
import time

_ARP = 0x0806  # linux/if_ether.h: ETH_P_ARP
_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1
_EVERYBODY = b"\xff" * 6
_ASKED = 3
_WAIT_S = 0.3
"""after each question; a machine on the same cable answers within some milliseconds, over Wi-Fi within a tenth of a second"""


def holder(address: str, bridge: str) -> str:
    """The hardware address of who answers for `address` on `bridge`, "this board" where that is us, "" for nobody.

    "" also where nobody can be asked.
    """
    try:
        wanted = socket.inet_aton(address)
        if _is_here(address):
            return "this board"
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ARP)) as line:
            line.bind((bridge, _ARP))
            question = _PACKET.pack(
                _ETHERNET, _IPV4, 6, 4, _REQUEST, line.getsockname()[4], bytes(4), bytes(6), wanted
            )  # fmt: skip
            for _ in range(_ASKED):
                line.sendto(question, (bridge, _ARP, 0, 0, _EVERYBODY))
                if found := _heard(line, wanted):
                    return found
    except OSError:  # no such bridge, or not an IPv4 address: told elsewhere, where it matters
        pass
    return ""


def _is_here(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return not address.startswith("127.")


def _heard(line: socket.socket, wanted: bytes) -> str:
    ends = time.monotonic() + _WAIT_S
    while select.select([line], [], [], max(0.0, ends - time.monotonic()))[0]:
        data = line.recv(1500)
        if len(data) >= _PACKET.size:
            *_, mac, sender, _, _ = _PACKET.unpack_from(data)
            if sender == wanted:
                return str(mac.hex(":"))
    return ""
