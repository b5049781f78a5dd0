"""What runs as a process of a machine, and why not: real programs of this one, and files made after the format."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import executable
from edgedeploy.core.executable import Host
from tests import kernels
from tests.kernels import program as elf

HERE = Host(os.uname().machine, os.sysconf("SC_PAGESIZE"), lambda _: True)
LOADER = "/lib/ld-linux-armhf.so.3"


def codes(data: bytes, host: Host) -> list[str]:
    return [misfit.code for misfit in executable.misfits(executable.of(data), host)]


@pytest.mark.parametrize("path", ["/bin/sh", "/bin/ls"])
def test_programs_of_this_machine_run_here(path: str) -> None:
    with open(path, "rb") as file:
        found = executable.probe(file)
    assert (found.form, found.arch) == ("program", HERE.machine)
    assert Path(found.interpreter).exists()
    assert any(name.startswith("libc.") for name in found.libraries)
    assert executable.misfits(found, HERE) == ()


def test_a_static_program_needs_nothing() -> None:
    found = executable.of(elf())
    assert (found.what, found.interpreter, found.libraries) == ("a statically linked program for armv7l", "", ())
    assert executable.misfits(found, Host("armv7l", 4096, lambda _: False)) == ()


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_what_it_needs_is_read(wide: bool, order: str) -> None:
    found = executable.of(elf(machine=8, wide=wide, order=order, interpreter=LOADER, libraries=("libc.so.6", "libm.so.6")))
    assert (found.interpreter, found.libraries) == (LOADER, ("libc.so.6", "libm.so.6"))


@pytest.mark.parametrize(
    ("machine", "wide", "host", "fits"),
    [
        (40, False, "armv7l", True), (40, False, "aarch64", True), (183, True, "aarch64", True), (183, True, "armv7l", False),
        (62, True, "x86_64", True), (3, False, "x86_64", True), (62, True, "i686", False), (62, True, "armv7l", False),
        (40, False, "x86_64", False), (243, True, "riscv64", True), (999, True, "x86_64", False),
    ],
)  # fmt: skip
def test_a_program_is_for_its_own_cpu(machine: int, wide: bool, host: str, fits: bool) -> None:
    assert codes(elf(machine=machine, wide=wide), Host(host)) == ([] if fits else ["wrong-arch"])


def test_what_the_machine_lacks_is_named_where_that_is_known() -> None:
    linked = elf(interpreter=LOADER, libraries=("libc.so.6", "libssl.so.3"))
    assert codes(linked, Host("armv7l")) == [], "from afar nobody knows"
    (misfit,) = executable.misfits(executable.of(linked), Host("armv7l", 4096, lambda name: name != "libssl.so.3"))
    assert (misfit.code, misfit.wanted) == ("no-library", "libssl.so.3 on the board")
    (misfit,) = executable.misfits(executable.of(linked), Host("armv7l", 4096, lambda _: False))
    assert (misfit.code, misfit.wanted) == ("no-interpreter", f"{LOADER} on the board")
    assert "statically" in misfit.hint


def test_a_script_needs_its_interpreter() -> None:
    script = b"#!/usr/bin/env python3\nprint()\n"
    assert executable.of(script).interpreter == "/usr/bin/env"
    assert codes(script, Host("armv7l", 4096, lambda _: True)) == []
    assert codes(script, Host("armv7l", 4096, lambda _: False)) == ["no-interpreter"]
    for none in (b"#!\n", b"#! python3\n", b"#!"):
        assert codes(none, HERE) == ["no-program"]


def test_pages_larger_than_its_segments_are_told() -> None:
    assert codes(elf(align=4096), Host("armv7l", 16384)) == ["page-size"]
    assert codes(elf(align=65536), Host("armv7l", 16384)) == []


@pytest.mark.parametrize("data", [kernels.zimage(), kernels.linux_zimage(), kernels.image64(), kernels.x86_mirage(), kernels.zboot()])
def test_a_kernel_is_a_guest_and_no_program(data: bytes) -> None:
    (misfit,) = executable.misfits(executable.of(data), Host("armv7l", 4096, lambda _: True))
    assert misfit.code == "kernel-as-program"
    assert 'runtime = "xen"' in misfit.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (elf(address=0xC0008000), "an ELF kernel"),
        (elf(machine=183, wide=True, address=0xFFFF << 48), "an ELF kernel"),
        (elf(kind=1), "an object file"),
        (elf(kind=3, entry=0), "a shared library"),
        (elf()[:40], "the beginning of an ELF file"),
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", ""),
        (b"\x89PNG\r\n", ""),
    ],
)  # fmt: skip
def test_what_is_none_is_told(data: bytes, said: str) -> None:
    found = executable.of(data)
    assert found.what.startswith(said)
    (misfit,) = executable.misfits(found, HERE)
    assert misfit.code in ("no-program", "kernel-as-program")


@given(st.binary(max_size=300), st.integers(0, 200))
def test_nothing_is_raised_on_strange_bytes(noise: bytes, at: int) -> None:
    whole = elf(interpreter=LOADER, libraries=("libc.so.6",))
    for data in (noise, b"\x7fELF" + noise, b"#!" + noise, whole[:at] + noise + whole[at + len(noise) :]):
        executable.misfits(executable.probe(io.BytesIO(data)), HERE)
