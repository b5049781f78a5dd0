"""The verdict on every file of the corpus, with all its codes, for both boards."""

from __future__ import annotations

import pytest

from edgedeploy.artefact import fit
from edgedeploy.profiles import catalog
from tests.corpus import cases, made, real

BOARDS = {name: catalog.load(name, None) for name in ("cubieboard2", "rpi4")}
ABOUT_THE_FILE = {"trailing", "xen-unseen"}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("case", cases.grouped([*made.CASES, *real.CASES]))
def test_verdict(case, board, examined):
    artefact, ramdisk = examined(case)
    misfits = fit.check(artefact, BOARDS[board], memory_mb=case.memory_mb, ramdisk=ramdisk)
    assert " ".join(misfit.code for misfit in misfits) == getattr(case, board), [one.line() for one in misfits]
    for misfit in misfits:
        assert misfit.hint
    if not misfits:
        found = fit.warnings(artefact, BOARDS[board], memory_mb=case.memory_mb, ramdisk=ramdisk)
        assert " ".join(one.code for one in found if one.code in ABOUT_THE_FILE) == case.warnings
