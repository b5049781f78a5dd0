"""The real toolstack beside our verdicts: what it refuses, we refuse; what we let pass, it takes.

The file asked about is the one that the agent would name in `kernel=`: unpacked, where we can unpack it.
"""

from __future__ import annotations

from collections import Counter

import pytest

from edgedeploy.core import memory, packing
from tests import kernels
from tests.corpus import made, oracle, real
from tests.corpus.oracle import Question

CASES = [*made.CASES, *real.CASES]

# one worker for all that share the files: each other one would make and read all of them again
pytestmark = pytest.mark.xdist_group("corpus")


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
def answers(delivered, oracle_counts):
    """`answers(board)` -> the toolstack's answer by case; each board is asked once."""
    known = {}

    def of(board):
        if board not in known:
            found = oracle.ask(board, [delivered(case) for case in CASES])
            known[board] = {case.name: answer for case, answer in zip(CASES, found, strict=True)}
            passed = [case for case in CASES if known[board][case.name].takes]
            refused = Counter(getattr(case, board).split()[0] for case in passed if getattr(case, board))
            oracle_counts[board] = (len(CASES), len(passed), refused)
        return known[board]

    return of


@pytest.mark.parametrize("board", oracle.BOARDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_xl_refuses_we_refuse_and_what_we_pass_it_takes(case, board, answers):
    answer, codes = answers(board)[case.name], getattr(case, board)
    assert answer.takes or codes, f"xl refuses it: {answer.said}"
    assert not answer.takes or answer.type in oracle.BOARDS[board].caps.split()


@pytest.mark.parametrize(
    ("name", "board", "said"),
    [
        ("cloud-arm64", "cubieboard2", "guest type xen-3.0-aarch64 not supported by xen kernel, sorry"),
        ("mirage-elf", "cubieboard2", "image not capable of booting inside a HVM container"),
        ("x86-mirage-3", "cubieboard2", "no loader found"),
        ("x86-mirage-4", "rpi4", "no loader found"),
        ("cloud-text-offset-odd", "rpi4", "segment boundary isn't page aligned (0x40001234)"),
        ("empty", "rpi4", "zero length file"),
        ("armmp-in-5-mb", "cubieboard2", "segment kernel too large"),
        ("uimage", "cubieboard2", "no loader found"),
    ],
)
def test_the_words_it_says(name, board, said, answers):
    assert said in answers(board)[name].said


@pytest.mark.parametrize(
    "name",
    ["armmp-cut-half", "armmp-payload-middle", "armmp-start-elsewhere", "marvell", "xen-armhf", "armmp-in-24-mb"],
)
def test_what_it_takes_and_would_hang(name, answers):
    """The reason for the check: if the toolstack refused these too, we could leave it to that."""
    assert answers("cubieboard2")[name].takes
    assert next(case for case in CASES if case.name == name).cubieboard2


@pytest.mark.parametrize("codec", packing.Codec)
def test_of_packed_files_it_takes_only_gzip(codec, corpus_files):
    path = corpus_files(f"direct-{codec}", lambda: packing.pack(kernels.zimage(), codec))
    (answer,) = oracle.ask("cubieboard2", [Question(path)])
    assert answer.takes == (codec in (packing.Codec.NONE, packing.Codec.GZ))


def _grid():
    for board, offset in (("cubieboard2", 0x8000), ("rpi4", 0)):
        for size in (4096, 5448192, 27236288, (120 << 20) + 5):
            for ramdisk in (0, 5000, 20_000_000, 90 << 20):
                yield board, offset, size, ramdisk


def test_placement_is_computed_as_the_toolstack_computes_it(corpus_files, tmp_path):
    """modules_at against the real meminit, at and around the memory where the answer changes."""
    asked = {board: [] for board in oracle.BOARDS}
    expected = {board: [] for board in oracle.BOARDS}
    for board, offset, size, ramdisk in _grid():
        kernel, initrd = tmp_path / f"k{offset}-{size}", tmp_path / f"r{ramdisk}"
        kernel.write_bytes(kernels.zimage() if offset else kernels.image64())
        for path, length in ((kernel, size), (initrd, ramdisk)):
            with path.open("ab") as file:
                file.truncate(length)
        total = (offset + size + ramdisk) >> 20
        near = [mb for mb in range(2, 420) if memory.modules_at(offset, size, mb, ramdisk) is not None][:1]
        for mb in sorted({*range(max(total - 2, 1), total + 6), *near, *(n - 1 for n in near), 128, 129, 256}):
            asked[board].append(Question(kernel, mb, initrd if ramdisk else None))
            expected[board].append(memory.modules_at(offset, size, mb, ramdisk) is not None)
    for board, questions in asked.items():
        found = [answer.takes for answer in oracle.ask(board, questions)]
        wrong = [one for one, is_so, ours in zip(questions, found, expected[board], strict=True) if is_so != ours]
        assert not wrong
        assert 0 < sum(found) < len(found)
