"""What xl's own loader asks of a file, written a second time from facts A1 and A2 and not from our check.

Whatever we let pass, xl must load: the reverse of "every file that the real toolstack refuses, we refuse".
"""

from __future__ import annotations

import struct

from edgedeploy.core.board import Profile
from edgedeploy.core.fit import DomainNeeds
from tests.fuzz.target import ensure

MIB = 1 << 20


def loads(image: bytes, domain: DomainNeeds, profile: Profile) -> None:
    """Fail unless xg_dom_armzimageloader.c and xg_dom_arm.c would take it."""
    ensure(image[:2] != b"\x1f\x8b", "xl would unpack it first")
    arm64 = len(image) >= 64 and (image[56:60] == b"ARM\x64" or image[:4] == b"\x08\0\0\x14")  # asked first
    if not arm64 and len(image) >= 0x30 and image[0x24:0x28] == b"\x18\x28\x6f\x01":
        start = struct.unpack_from("<I", image, 0x28)[0]
        base = profile.memory.guest_base
        ensure("armv7l" in profile.guests, "a 32-bit kernel on", profile.name)
        ensure(start in (0, base + 0x8000), "it would jump to", hex(start))
        offset = 0x8000
    else:
        ensure(arm64, "no loader takes it")
        ensure("aarch64" in profile.guests, "a 64-bit kernel on", profile.name)
        offset = struct.unpack_from("<Q", image, 8)[0]
        ensure(offset % 4096 == 0, "segment boundary isn't page aligned:", hex(offset))
    _placed(offset, len(image), domain)
    ensure(1 <= domain.vcpus <= profile.max_vcpus, domain.vcpus, "virtual CPUs")


def _placed(offset: int, size: int, domain: DomainNeeds) -> None:
    """meminit: 128 MiB above the base when there is room, else the top of RAM; nothing else works."""
    ram = min(domain.memory_mb * MIB, 3072 * MIB)
    modules = (domain.ramdisk_size + 4095) // 4096 * 4096 + 8192
    end = (offset + size + 2 * MIB - 1) // (2 * MIB) * (2 * MIB)
    ensure(domain.ramdisk_size <= 1 << 30, "xl refuses a ramdisk over 1 GiB")
    ensure(offset + size <= ram, "segment kernel too large")
    ensure((ram >= 128 * MIB + modules and end < 128 * MIB) or ram - modules > end, "segment boundary too low")
