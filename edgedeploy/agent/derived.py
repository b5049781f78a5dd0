"""The manifest of a release that has none: on the board, by the same rules as on the laptop (core/original.py).

To describe its kernel it must be unpacked, which takes a small core seconds: what came out is what a deployment wants
next (agent/prepare.py), and the description is kept by git's name of the packed file.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path, PurePosixPath

from edgedeploy.agent import facts, unpacked
from edgedeploy.agent.config import AgentConfig
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout, Layout
from edgedeploy.core import errors, files, health, original, packing, release
from edgedeploy.core.names import AppName, ReleaseId
from edgedeploy.core.original import CONFIG, TEMPLATE
from edgedeploy.core.release import Artefact, Manifest

_SMALL = (CONFIG, TEMPLATE)
_KEPT = 20


def manifest(
    board: Layout, config: AgentConfig, repo: GitRepo, commit: str, app: AppName, wanted: ReleaseId
) -> Manifest:
    """The release `wanted` of a commit. What this board was told of the app is asked where the repository is silent.

    Raises errors.BadRepository, errors.BadConfig, errors.DoesNotFit or errors.NoRoom.
    """
    told = config.apps[app]
    try:
        asked = health.told(told.address, told.page)
    except errors.UsageFault as error:
        raise errors.BadConfig(f"{board.config}: apps.{app}: {error.message}", hint=error.hint) from None
    there = repo.listed("ls-tree", commit, "--", f"{release.folder(wanted)}/", *map(str, _SMALL))
    met = {PurePosixPath(path.decode(errors="replace")): meta.split() for path, meta in there.items()}
    found = {path: meta[2] for path, meta in met.items() if meta[1] == "blob"}
    with repo.reading(commit) as read:
        said = {path: read(path, original.LIMIT) for path in _SMALL if path in found}
    looked = original.look(wanted, [path for path in found if path not in _SMALL], said.get)
    original.demand_read(looked)
    looked.demand(config.passthrough)
    try:
        kernel = _kernel(repo, board.app(app), commit, looked.kernel, found[looked.kernel])
    except OSError as error:
        raise errors.NoRoom(f"the board's file system said: {error}", hint="df -h on the board") from None
    return looked.manifest(wanted, kernel, app, asked)


def _kernel(repo: GitRepo, layout: AppLayout, commit: str, path: PurePosixPath, blob: str) -> Artefact:
    record = layout.folder / "originals" / f"{blob}-{path.name}.json"
    with contextlib.suppress(OSError, ValueError, errors.BadRepository):  # one that a power cut has damaged is made anew
        return release.artefact_from_json(json.loads(record.read_bytes()), str(record))
    made = _unpack(repo, layout.artefacts, commit, path)
    files.atomic_write(record, json.dumps(release.artefact_to_json(made)).encode())
    ages = files.sizes_and_ages(record.parent.glob("*.json"))
    for old in sorted(ages, key=lambda one: ages[one].st_mtime)[:-_KEPT]:  # wanted again, it is only unpacked once more
        old.unlink(missing_ok=True)
    return made


def _unpack(repo: GitRepo, folder: Path, commit: str, path: PurePosixPath) -> Artefact:
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Artefact] = []
    with tempfile.TemporaryFile(dir=folder) as packed:
        repo.copy(commit, path, packed)
        packed.flush()
        room = max(0, facts.free_disk(folder) - unpacked.MARGIN)
        try:
            with unpacked.arriving(folder, lambda: made[0].sha256) as out:
                made.append(original.unpack(path, packed, out, min(room, packing.LIMIT)))
        except packing.PackingError as error:
            if error.code == "bomb" and room < packing.LIMIT:
                raise errors.NoRoom(
                    f"{path.name} unpacks to more than the {room / 1e6:.1f} MB that are free on the board's disk",
                    hint="edgedeploy-agent gc on the board, or remove files there",
                ) from None
            raise original.damaged(path, error) from None
    return made[0]
