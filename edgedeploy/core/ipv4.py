"""IPv4 addresses and networks as far as a board needs them: the module `ipaddress` costs a small core a tenth of a second."""

from __future__ import annotations


def number(address: str) -> int | None:
    """A dotted address as a number, None for anything else."""
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isdecimal() and len(part) < 4 and int(part) < 256 for part in parts):
        return None
    return int.from_bytes(bytes(map(int, parts)), "big")


def within(address: int, network: str) -> bool:
    """Whether it lies in a network such as 10.0.2.0/24; False for what is none."""
    first, _, bits = network.partition("/")
    start, width = number(first), int(bits) if bits.isdecimal() else 32
    return start is not None and width <= 32 and (address ^ start) >> (32 - width) == 0
