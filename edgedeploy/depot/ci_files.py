"""CI's own files, made of [ci]: one script that does everything, and what a forge reads (ci_forges.py), which calls it."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from edgedeploy.core.names import AppName
from edgedeploy.depot import ci_forges
from edgedeploy.depot.ci_forges import BUILT
from edgedeploy.depot.ci_table import Ci, Target
from edgedeploy.ports.folders import word

SCRIPT = PurePosixPath("ci/edgedeploy.sh")
FORGES = (*ci_forges.PLACES, "script")


def files(ci: Ci, app: AppName, forge: str, version: str) -> dict[PurePosixPath, str]:
    """Path -> content, for one of FORGES. `version` is what CI installs of edgedeploy where it has none."""
    made = {SCRIPT: _script(ci, app, version)}
    if forge in ci_forges.PLACES:
        made[ci_forges.PLACES[forge]] = ci_forges.file(ci, app, forge, SCRIPT)
    return made


def _script(ci: Ci, app: AppName, version: str) -> str:
    build = "".join(_case(ci, target) for target in ci.targets)
    parts = [f'sh "$1" build {target.name}' for target in ci.targets] + (['sh "$1" store'] if ci.stored else [])
    # only the last is handed the key
    everything = "".join(f"    {'' if part.endswith('store') else 'without_key '}{part}\n" for part in parts)
    return _SCRIPT.format(
        app=app,
        some=ci.targets[0].name,
        version=version,
        cases=build,
        names=", ".join(target.name for target in ci.targets),
        everything=everything,
        store=_store(ci) if ci.stored else _NOTHING_STORED,
    )


def _case(ci: Ci, target: Target) -> str:
    lines = [f"step build {target.name}", f"sh -ec {shlex.quote(target.build)}"]
    if target.test:
        lines += [f"step test {target.name}", f"sh -ec {shlex.quote(target.test)}"]
    if target.boards:
        lines += ["need_edgedeploy"]
    for board in target.boards:
        ramdisk = f" --ramdisk {word(target.ramdisk)}" if target.ramdisk else ""
        lines += [
            f"step check {target.name} for {board}",
            " ".join(("edgedeploy", "check", f"{word(target.kernel)}{ramdisk}", f"--board {board}")),
        ]
    if target is ci.stored:
        made = " ".join(word(path) for path in (target.kernel, target.ramdisk, ci.slides) if path)
        # what is stored is what was built, in another job and perhaps on another machine
        lines += [f"keep {made}"]
    body = "".join(f"    {line}\n" for line in lines)
    return f"  ({target.name})\n{body}    ;;\n"  # without its first bracket a target `esac` would end it


def _store(ci: Ci) -> str:
    target = ci.stored
    assert target is not None
    words = ["edgedeploy", f"store {word(target.kernel)}"]
    words += [f"--ramdisk {word(target.ramdisk)}"] if target.ramdisk else []
    words += [f"--slides {word(ci.slides)}"] if ci.slides else []
    words += [f"--to {shlex.quote(ci.store)}"] + [f"--host-key {shlex.quote(key)}" for key in ci.host_keys]
    made = " ".join(word(path) for path in (target.kernel, target.ramdisk, ci.slides) if path)
    command = " \\\n    ".join((" ".join(words[:2]), *words[2:]))
    return _STORE.format(branch=shlex.quote(ci.branch), built=BUILT, made=made, command=command, some=target.name)


_SCRIPT = """\
#!/bin/sh
# What CI does for {app}, written by `edgedeploy ci init` from [ci] in edgedeploy.toml. Edit there, then write it anew:
# edgedeploy ci init --force
#
#   sh ci/edgedeploy.sh                  everything
#   sh ci/edgedeploy.sh build {some}
#   sh ci/edgedeploy.sh store            what was built
#
# The key that stores, EDGEDEPLOY_DEPLOY_KEY, is no variable of this script: a build does not inherit it. But what runs as the
# same user on the same machine can read it: where builds are not trusted, build and store in jobs of their own.
set -eu
CDPATH= cd -- "$(dirname -- "$0")/.."
set -- "$PWD/ci/edgedeploy.sh" "$@"

without_key() {{ env -u EDGEDEPLOY_DEPLOY_KEY "$@"; }}

step() {{ printf '\\n== %s\\n' "$*"; }}

# a folder that no commit shows, and that `git add --all` of a build does not take
ours() {{
  mkdir -p .edgedeploy-ci
  echo '*' > .edgedeploy-ci/.gitignore
}}

need_edgedeploy() {{
  command -v edgedeploy > /dev/null && return
  if [ ! -x .edgedeploy-ci/venv/bin/edgedeploy ]; then
    step install edgedeploy
    ours
    without_key python3 -m venv .edgedeploy-ci/venv
    without_key .edgedeploy-ci/venv/bin/pip install --quiet "${{EDGEDEPLOY_PACKAGE:-edgedeploy=={version}}}"
  fi
  PATH=$PWD/.edgedeploy-ci/venv/bin:$PATH
}}

keep() {{
  ours
  tar -cf .edgedeploy-ci/built.tar "$@"
}}

build() {{
  case $1 in
{cases}  *)
    echo "no target $1; there are: {names}" >&2
    exit 2
    ;;
  esac
}}

{store}
case ${{2:-all}} in
  all)
{everything}    ;;
  build)
    if [ -n "${{EDGEDEPLOY_DEPLOY_KEY+set}}" ]; then
      exec env -u EDGEDEPLOY_DEPLOY_KEY sh "$@"
    fi
    build "${{3:?which target? there are: {names}}}"
    ;;
  store)
    store
    ;;
  *)
    echo "usage: sh ci/edgedeploy.sh [build TARGET | store]" >&2
    exit 2
    ;;
esac
"""

_NOTHING_STORED = """\
store() {
  echo "nothing is stored: no target has deploy = true" >&2
  exit 2
}
"""

_STORE = """\
store() {{
  ref=$(git symbolic-ref --quiet HEAD || true)
  branch=${{EDGEDEPLOY_BRANCH:-${{GITHUB_REF_NAME:-${{CI_COMMIT_BRANCH:-${{ref#refs/heads/}}}}}}}}
  if [ -z "$branch" ]; then
    echo "which branch is this? no branch is checked out: set EDGEDEPLOY_BRANCH to its name" >&2
    exit 2
  fi
  if [ "$branch" != {branch} ]; then
    step "not stored: this is $branch, and only {branch} is"
    return
  fi
  if [ ! -f {built} ]; then
    echo "{built} is not there: nothing was built; first: sh ci/edgedeploy.sh build {some}" >&2
    exit 2
  fi
  need_edgedeploy
  step store
  # in the place of what is checked out: a file that the build removed must not come back
  ours
  rm -rf .edgedeploy-ci/built
  mkdir .edgedeploy-ci/built
  tar -C .edgedeploy-ci/built -xf {built}
  for path in {made}; do
    rm -rf "./$path"
    mkdir -p "$(dirname "./$path")"
    mv ".edgedeploy-ci/built/$path" "./$path"
  done
  {command}
}}
"""
