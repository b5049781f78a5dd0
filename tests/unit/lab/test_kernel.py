import lzma
import struct
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.lab.bake import kernel, zimage

OFFSET = 0x208000


def fake_zimage(payload: bytes, *, decoy: bool = False) -> bytes:
    table = 0x100
    head = bytearray(table + 32)
    struct.pack_into("<I", head, 0x24, 0x016F2818)
    struct.pack_into("<III", head, 0x30, 0x04030201, 0x45454545, table)
    struct.pack_into("<5I", head, table, 6, 0x5A534C4B, 0, 0, OFFSET)
    return bytes(head) + (b"\xfd7zXZ\0 is my magic" if decoy else b"") + lzma.compress(payload) + b"rest"


def test_the_kernel_inside_is_found_behind_a_decoy() -> None:
    assert zimage.unpack(fake_zimage(b"kernel" * 100, decoy=True)) == b"kernel" * 100


def test_the_text_offset_is_read_from_the_header() -> None:
    assert zimage.text_offset(fake_zimage(b"k")) == OFFSET


@pytest.mark.parametrize("data", [b"", bytes(0x200), b"\x7fELF" + bytes(0x200)])
def test_other_files_are_not_zimages(data: bytes) -> None:
    with pytest.raises(zimage.NotAZImage):
        zimage.text_offset(data)
    with pytest.raises(zimage.NotAZImage):
        zimage.unpack(data)


def test_the_wrapper_is_a_zimage_with_the_kernel_in_place() -> None:
    image = b"\x01\x02\x03\x04" * 25  # no multiple of the copying loop's 32 bytes
    wrapped = zimage.wrap(image, OFFSET)
    magic, start, end, endian = struct.unpack_from("<4I", wrapped, 0x24)
    assert (magic, start, endian) == (0x016F2818, 0, 0x04030201)
    assert end == len(wrapped)
    assert wrapped[OFFSET - 0x8000 :].startswith(image), "loaded at 0x8000 it already lies at its text offset"
    assert (len(wrapped) - (OFFSET - 0x8000)) % 32 == 0
    literals = struct.unpack_from("<3I", wrapped, 0x34 + 20 * 4)
    assert literals == (OFFSET, OFFSET - 0x8000 - 0x34 - 8, len(wrapped) - (OFFSET - 0x8000))


def test_the_header_needs_room() -> None:
    with pytest.raises(zimage.NotAZImage, match="room"):
        zimage.wrap(b"", 0x8000)


def test_modules_come_after_what_they_need() -> None:
    needs = {"bridge": ["stp", "llc"], "stp": ["llc"]}
    assert kernel.closure(["bridge", "llc"], lambda name: needs.get(name, [])) == ["llc", "stp", "bridge"]


def test_dependencies_are_read_from_the_module_itself() -> None:
    assert kernel.depends(b"ELF\0license=GPL\0depends=llc,stp\0name=bridge\0") == ["llc", "stp"]
    assert kernel.depends(b"ELF\0depends=\0") == []


def tree(root: Path, *versions: str) -> Path:
    for version in versions:
        for name, needs in {"xen-netback": "", "ext4": "jbd2", "jbd2": ""}.items():
            path = root / "lib" / "modules" / version / "kernel" / f"{name}.ko"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"\0depends={needs}\0".encode())
        (root / "boot").mkdir(exist_ok=True)
        (root / "boot" / f"vmlinuz-{version}").write_bytes(b"")
    return root


def test_the_kernels_version_is_what_the_package_says(tmp_path: Path) -> None:
    found = kernel.find(tree(tmp_path, "6.1.0-99-armmp-lpae"))
    assert found.version == "6.1.0-99-armmp-lpae"
    assert [path.stem for path in kernel.load_order(found, ["ext4", "xen_netback"])] == ["jbd2", "ext4", "xen-netback"]


def test_a_missing_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.BoardFault, match="no module nosuch"):
        kernel.load_order(kernel.find(tree(tmp_path, "1")), ["nosuch"])


def test_two_kernels_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(errors.BoardFault, match="2 kernels"):
        kernel.find(tree(tmp_path, "1", "2"))
