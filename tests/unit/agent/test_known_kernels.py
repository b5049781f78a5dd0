"""What is remembered of a kernel file, and when it is not believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO

import pytest

from edgedeploy.agent import known_kernels, version
from edgedeploy.core import kernel
from tests import kernels


@pytest.fixture
def image(tmp_path: Path) -> Path:
    image = tmp_path / "digest"
    image.write_bytes(kernels.linux_zimage())
    return image


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that a kernel's code was read."""
    seen: list[str] = []
    really = kernel.probe

    def counted(file: BinaryIO) -> kernel.KernelInfo:
        seen.append("read")
        return really(file)

    monkeypatch.setattr(kernel, "probe", counted)
    return seen


def test_a_kernel_is_read_once(image: Path, read: list[str]) -> None:
    first = known_kernels.info(image)
    assert first == known_kernels.info(image) == kernel.probe(kernels.linux_zimage())
    assert (first.xen_guest, len(read)) == (True, 2)  # once from the file, once just above


def test_a_new_agent_reads_each_kernel_anew_once(image: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = known_kernels.info(image)
    monkeypatch.setattr(version, "digest", lambda: "ab" * 32)
    assert known_kernels.info(image) == known_kernels.info(image) == found
    assert len(read) == 2


def older(record: dict[str, object]) -> str:
    """As agents wrote it that counted versions by hand."""
    del record["agent"]
    return json.dumps({**record, "version": 1})


@pytest.mark.parametrize(
    "spoil",
    [
        older,
        lambda record: json.dumps({**record, "kind": "sofa"}),
        lambda record: json.dumps({**record, "marks": 7}),
        lambda record: json.dumps({**record, "more": 1}),
        lambda record: json.dumps([record]),
        lambda record: json.dumps(record)[:40],
        lambda record: "",
    ],
)
def test_a_record_that_is_foreign_or_damaged_is_made_anew(image: Path, read: list[str], spoil) -> None:
    found = known_kernels.info(image)
    record = known_kernels.record_of(image)
    whole = record.read_bytes()
    record.write_text(spoil(json.loads(whole)))
    assert (known_kernels.info(image), len(read), record.read_bytes()) == (found, 2, whole)
