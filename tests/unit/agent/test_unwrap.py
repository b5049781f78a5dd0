"""What was packed a second time for a slow line, on the board."""

from __future__ import annotations

import bz2
import lzma
from pathlib import Path

import pytest

from edgedeploy.agent import facts, unwrap
from edgedeploy.core import errors, names
from tests.unit.agent.model import ModelBoard, git
from tests.unit.agent.test_serve import talk


def test_a_bundle_comes_as_it_is_or_packed(tmp_path: Path) -> None:
    bundle = tmp_path / "b"
    for sent in (b"# v2 git bundle\n", lzma.compress(b"# v2 git bundle\n"), bz2.compress(b"# v2 git bundle\n")):
        bundle.write_bytes(sent)
        with unwrap.plain(bundle) as plain:
            assert plain.read_bytes() == b"# v2 git bundle\n"
        assert [path.name for path in tmp_path.iterdir()] == ["b"], "nothing is left behind"


def test_neither_a_bomb_nor_damage_nor_a_full_disk_leaves_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "b"
    bundle.write_bytes(lzma.compress(bytes(3 << 20)))
    monkeypatch.setattr(facts, "free_disk", lambda _: unwrap.MARGIN + (1 << 20))
    with pytest.raises(errors.NoRoom, match="cannot hold"), unwrap.plain(bundle):
        pass
    monkeypatch.setattr(facts, "free_disk", lambda _: 0)
    with pytest.raises(errors.NoRoom), unwrap.plain(bundle):
        pass
    monkeypatch.setattr(facts, "free_disk", lambda _: 1 << 40)
    monkeypatch.setattr(unwrap.packing, "LIMIT", 2 << 20)
    with pytest.raises(errors.BadRepository, match="unpacks to more than"), unwrap.plain(bundle):
        pass
    bundle.write_bytes(lzma.compress(b"x" * 1000)[:-10])
    with pytest.raises(errors.BadRepository, match="stops before its end"), unwrap.plain(bundle):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_packed_bundle_is_staged_like_a_plain_one(model: ModelBoard, tmp_path: Path) -> None:
    commit = names.CommitId(model.release("r1"))
    bundle = tmp_path / "bundle"
    git("-C", model.work, "bundle", "create", "--quiet", bundle, "main")
    bundle.write_bytes(lzma.compress(bundle.read_bytes()))

    class Nobody:
        def advance(self, amount: int = 1) -> None:
            pass

        def detail(self, text: str) -> None:
            pass

    with talk(model) as client:
        with bundle.open("rb") as file:
            digest = client.put(file, Nobody())
        staged = client.stage(model.app, commit, digest, lambda event: None, 30)
    assert staged.release == "r1"
    assert not (model.layout.incoming / digest).exists()
