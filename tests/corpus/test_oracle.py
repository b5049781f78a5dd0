"""The real toolstack beside our verdicts: what it refuses, we refuse; what we let pass, it takes.

The file asked about is the one that the agent would name in `kernel=`: unpacked, where we can unpack it.
"""

from __future__ import annotations

from collections import Counter

import pytest

from edgedeploy.core import memory, packing
from tests import kernels, needs
from tests.corpus import cases, made, oracle, real
from tests.corpus.oracle import Question

CASES = [*made.CASES, *real.CASES]


def named(name):
    return next(case for case in CASES if case.name == name)


@pytest.fixture(scope="session")
def delivered(corpus_files, examined):
    """`delivered(case)` -> what xl would be given."""

    def question(case):
        artefact, ramdisk = examined(case)
        path = artefact.path
        if artefact.codec is not packing.Codec.NONE and not artefact.fault:
            path = path.with_name(path.name + ".unpacked")
            with artefact.path.open("rb") as packed, path.open("wb") as out:
                packing.unpack(packed, out)
        return Question(path, case.memory_mb, ramdisk.path if ramdisk else None)

    return question


@pytest.fixture(scope="session")
def answer(delivered, oracle_counts):
    """`answer(case, board)` -> the toolstack's; each board is asked once about all cases of a group."""
    known = {}

    def of(case, board):
        if (case.name, board) not in known:
            asked = [one for one in CASES if cases.group(one) == cases.group(case)]
            found = oracle.ask(board, [delivered(one) for one in asked])
            known.update({(one.name, board): said for one, said in zip(asked, found, strict=True)})
            _count(board, [(one, known[one.name, board].takes) for one in asked], oracle_counts)
        return known[case.name, board]

    return of


def _count(board, asked, counts):
    passed = [case for case, takes in asked if takes]
    refused = Counter(getattr(case, board).split()[0] for case in passed if getattr(case, board))
    files, takes, before = counts.get(board, (0, 0, Counter()))
    counts[board] = (files + len(asked), takes + len(passed), before + refused)


@pytest.mark.parametrize("board", oracle.BOARDS)
@pytest.mark.parametrize("case", cases.grouped(CASES))
def test_what_xl_refuses_we_refuse_and_what_we_pass_it_takes(case, board, answer):
    found, codes = answer(case, board), getattr(case, board)
    assert found.takes or codes, f"xl refuses it: {found.said}"
    assert not found.takes or found.type in oracle.BOARDS[board].caps.split()


WORDS = {
    ("cloud-arm64", "cubieboard2"): "guest type xen-3.0-aarch64 not supported by xen kernel, sorry",
    ("mirage-elf", "cubieboard2"): "image not capable of booting inside a HVM container",
    ("x86-mirage-3", "cubieboard2"): "no loader found",
    ("x86-mirage-4", "rpi4"): "no loader found",
    ("cloud-text-offset-odd", "rpi4"): "segment boundary isn't page aligned (0x40001234)",
    ("empty", "rpi4"): "zero length file",
    ("armmp-in-5-mb", "cubieboard2"): "segment kernel too large",
    ("uimage", "cubieboard2"): "no loader found",
}


@pytest.mark.parametrize("case", cases.grouped(map(named, dict.fromkeys(name for name, _ in WORDS))))
def test_the_words_it_says(case, answer):
    for (name, board), said in WORDS.items():
        if name == case.name:
            assert said in answer(case, board).said


HANGS = ["armmp-cut-half", "armmp-payload-middle", "armmp-start-elsewhere", "marvell", "xen-armhf", "armmp-in-24-mb"]


@pytest.mark.parametrize("case", cases.grouped(map(named, HANGS)))
def test_what_it_takes_and_would_hang(case, answer):
    """The reason for the check: if the toolstack refused these too, we could leave it to that."""
    assert answer(case, "cubieboard2").takes
    assert case.cubieboard2


@pytest.mark.parametrize("codec", packing.Codec)
def test_of_packed_files_it_takes_only_gzip(codec, corpus_files):
    path = corpus_files(f"direct-{codec}", lambda: packing.pack(kernels.zimage(), codec))
    (answer,) = oracle.ask("cubieboard2", [Question(path)])
    assert answer.takes == (codec in (packing.Codec.NONE, packing.Codec.GZ))


def _grid(board):
    offset = {"cubieboard2": 0x8000, "rpi4": 0}[board]
    for size in (4096, 5448192, 27236288, (120 << 20) + 5):
        for ramdisk in (0, 5000, 20_000_000, 90 << 20):
            yield offset, size, ramdisk


def _memories(offset, size, ramdisk):
    """Where our answer changes, and where a rule changes; with time for it also all around the files' own size."""
    total = (offset + size + ramdisk) >> 20
    near = [mb for mb in range(2, 420) if memory.modules_at(offset, size, mb, ramdisk) is not None][:1]
    around = range(max(total - 2, 1), total + 6) if needs.thorough() else (max(total, 1), total + 1)
    return sorted({*around, *near, *(n - 1 for n in near), 128, 129, 256})


@pytest.mark.parametrize("board", oracle.BOARDS)
def test_placement_is_computed_as_the_toolstack_computes_it(board, tmp_path):
    """modules_at against the real meminit, at and around the memory where the answer changes."""
    asked, expected = [], []
    for offset, size, ramdisk in _grid(board):
        kernel, initrd = tmp_path / f"k{size}", tmp_path / f"r{ramdisk}"
        kernel.write_bytes(kernels.zimage() if offset else kernels.image64())
        for path, length in ((kernel, size), (initrd, ramdisk)):
            with path.open("ab") as file:
                file.truncate(length)
        for mb in _memories(offset, size, ramdisk):
            asked.append(Question(kernel, mb, initrd if ramdisk else None))
            expected.append(memory.modules_at(offset, size, mb, ramdisk) is not None)
    found = [answer.takes for answer in oracle.ask(board, asked)]
    wrong = [one for one, is_so, ours in zip(asked, found, expected, strict=True) if is_so != ours]
    assert not wrong
    assert 0 < sum(found) < len(found)
