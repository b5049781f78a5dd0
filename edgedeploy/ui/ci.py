"""What `edgedeploy ci` says: the files that were written, and where the halves of the key go."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from edgedeploy.core.names import AppName
from edgedeploy.flows.ci import Written
from edgedeploy.flows.ci_key import Pair
from edgedeploy.wires.gitssh.deploykey import VARIABLE


def lines(written: Written) -> Iterator[str]:
    """For people."""
    if not written.changed:
        yield f"unchanged: {', '.join(map(str, written.files))}"
        return
    yield f"wrote    {', '.join(map(str, written.changed))}"
    yield f"try it   sh {written.files[0]} build {written.ci.targets[0].name}"
    if written.ci.stored:
        yield "next     edgedeploy ci key    (the key that CI stores with, and where its halves go)"
        yield f"         git add {shlex.join(map(str, written.changed))} && git commit, and push"


def as_json(written: Written) -> dict[str, object]:
    """For programs."""
    return {
        "app": written.app,
        "forge": written.forge,
        "files": [str(path) for path in written.files],
        "changed": [str(path) for path in written.changed],
        "targets": [target.name for target in written.ci.targets],
        "stored": written.ci.stored.name if written.ci.stored else None,
        "to": written.ci.store or None,
    }


def where_to(pair: Pair, app: AppName) -> Iterator[str]:
    """Which half goes where; the private one is not among it."""
    yield f"{'a new pair' if pair.fresh else 'the pair'} of keys of {app}: {pair.fingerprint}"
    yield "  public half   to the deployment repository, as a deploy key with write access:"
    yield f"                {pair.public}"
    yield f"  private half  to the secrets (variables) of the source repository's CI, as {VARIABLE}:"
    yield f"                edgedeploy ci key {app} | gh secret set {VARIABLE}    or copy it: edgedeploy ci key {app} --show"
    if pair.replaced:
        yield f"  then          when CI has stored with it, remove the old key from the deployment repository: {pair.replaced}"


def pair_as_json(pair: Pair, app: AppName, *, private: bool) -> dict[str, object]:
    """For programs; the private half where it was asked for."""
    told = {
        "app": app,
        "public": pair.public,
        "fingerprint": pair.fingerprint,
        "path": str(pair.path),
        "made": pair.fresh,
        "replaced": pair.replaced,
    }
    return {**told, "private": pair.private} if private else told
