"""Names the things that people give for a kernel and that are none: from a file's first 4 KB, without reading further.

A presenter ten minutes before the talk is helped by "a PNG picture", not by "bad magic". Magic numbers are those of
the formats' own specifications and of file(1).
"""

from __future__ import annotations

from edgedeploy.core import packing

DTB = b"\xd0\x0d\xfe\xed"
# first bytes, the kind (a value of kernel.Kind), and what to call it
_MAGICS = (
    (0, b"\x27\x05\x19\x56", "uimage", "a U-Boot image (uImage)"),
    (0, DTB, "dtb", "a device tree blob"),
    (0, b"070701", "initramfs", "a Linux ramdisk (cpio)"),
    (0, b"070702", "initramfs", "a Linux ramdisk (cpio)"),
    (0, b"version https://git-lfs", "lfs-pointer", "a git-lfs pointer, not the file itself"),
    (4, b"eGON.BT0", "unknown", "an Allwinner boot loader"),
    (0, b"\x04\x22\x4d\x18", "packed", "a .lz4 file"),
    (0, b"\x02\x21\x4c\x18", "packed", "a .lz4 file"),
    (0, b"\x89LZO\0\r\n\x1a\n", "packed", "a .lzo file"),
    (0, b"LZIP\1", "packed", "a .lz file"),
    (0, b"\x1f\x9d", "packed", "a .Z file"),
    (0, b"7z\xbc\xaf\x27\x1c", "other", "a 7z archive"),
    (0, b"PK\3\4", "other", "a zip archive"),
    (0, b"PK\5\6", "other", "a zip archive"),
    (257, b"ustar", "other", "a tar archive"),
    (0, b"!<arch>\n", "other", "an ar archive (a Debian package, or a library)"),
    (0, b"# v2 git bundle", "other", "a git bundle"),
    (0, b"\x89PNG\r\n\x1a\n", "other", "a PNG picture"),
    (0, b"\xff\xd8\xff", "other", "a JPEG picture"),
    (0, b"GIF8", "other", "a GIF picture"),
    (0, b"%PDF-", "other", "a PDF file"),
    (0, b"ANDROID!", "other", "an Android boot image"),
    (0, b"#!", "other", "a script"),
    (0, b"hsqs", "unknown", "a squashfs file system"),
    (0x438, b"\x53\xef", "unknown", "an ext2/3/4 file system"),
    (512, b"EFI PART", "unknown", "a disk image"),
    (510, b"\x55\xaa", "unknown", "a disk image"),
)
_PAGES = (b"<!doctype html", b"<html", b"<?xml", b"<head")


def name(head: bytes) -> tuple[str, str]:
    """Kind and name of a file that begins with `head`. Kind "packed": a layer of packing is on it."""
    page = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()  # a byte order mark may come first
    if page.startswith(_PAGES) or (page.startswith(b"<!--") and b"<html" in head.lower()):
        return "html", "a web page (an error page saved as the file?)"
    for offset, magic, kind, what in _MAGICS:
        if head[offset : offset + len(magic)] == magic:
            # FDT_BEGIN_NODE of /images makes a device tree a FIT (U-Boot: doc/uImage.FIT/source_file_format.txt)
            fit = kind == "dtb" and b"\0\0\0\1images\0" in head
            return ("fit", "a U-Boot FIT image") if fit else (kind, what)
    if b"annex/objects/" in head[:256]:
        return "lfs-pointer", "a git-annex pointer, not the file itself"
    if (codec := packing.detect(head[:16])) is not packing.Codec.NONE:
        return "packed", f"a .{codec} file"
    text = sum(32 <= byte < 127 or byte in b"\t\n\r" for byte in head) == len(head)
    return ("other", "a text file") if text else ("unknown", "no kernel that edgedeploy knows")
