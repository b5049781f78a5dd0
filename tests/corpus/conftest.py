"""Files of the corpus, made once and read once for all boards and the oracle."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from edgedeploy.artefact import probe


@pytest.fixture(scope="session")
def corpus_files(tmp_path_factory):
    """`corpus_files(name, make)` -> the path of a file made at most once."""
    folder = tmp_path_factory.mktemp("corpus")

    def made(name, make):
        path = folder / name
        if not path.exists():
            path.write_bytes(make())
        return path

    return made


@pytest.fixture(scope="session")
def examined(corpus_files):
    """`examined(case)` -> its kernel and ramdisk, each probed at most once; and equal files are probed once."""
    known, by_content = {}, {}

    def inspect(name, make, *, ramdisk=False):
        path = corpus_files(name, make)
        with path.open("rb") as file:
            key = hashlib.file_digest(file, "sha256").digest(), ramdisk
        if key not in by_content:
            by_content[key] = probe.inspect(path, ramdisk=ramdisk)
        return dataclasses.replace(by_content[key], path=path)

    def examine(case):
        if case.name not in known:
            kernel = inspect(case.name, case.make)
            ramdisk = inspect(case.name + ".ramdisk", case.ramdisk, ramdisk=True) if case.ramdisk else None
            known[case.name] = kernel, ramdisk
        return known[case.name]

    return examine


COUNTS = {}


@pytest.fixture(scope="session")
def oracle_counts():
    """By board, of this worker: files asked about, files the toolstack takes, and of those the ones we refuse, by code."""
    return COUNTS


def pytest_terminal_summary(terminalreporter):
    for board, (asked, takes, refused) in COUNTS.items():
        why = ", ".join(f"{code} {count}" for code, count in refused.most_common())
        terminalreporter.write_line(
            f"corpus, {board}: xl takes {takes} of {asked} files; {sum(refused.values())} of them are refused here ({why})"
        )
