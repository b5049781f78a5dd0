"""What GitHub and GitLab read: a few lines that call the script of ci_files.py, a job for each target and one that stores."""

from __future__ import annotations

from pathlib import PurePosixPath

from edgedeploy.core.names import AppName
from edgedeploy.depot.ci_table import Ci

PLACES = {
    "github": PurePosixPath(".github/workflows/edgedeploy.yml"),
    "gitlab": PurePosixPath(".gitlab-ci.yml"),
}
"""where each forge wants its file"""
BUILT = ".edgedeploy-ci/built.tar"
"""what a job hands on to the one that stores"""


def file(ci: Ci, app: AppName, forge: str, script: PurePosixPath) -> str:
    """The content of the file at PLACES[forge]."""
    return _github(ci, app, script) if forge == "github" else _gitlab(ci, script)


def _github(ci: Ci, app: AppName, script: PurePosixPath) -> str:
    keep = ""
    store = ""
    if ci.stored:
        keep = _GITHUB_KEEP.format(stored=ci.stored.name, built=BUILT)
        store = _GITHUB_STORE.format(script=script, branch=ci.branch, app=app, folder=BUILT.rpartition("/")[0])
    return _GITHUB.format(script=script, targets=_listed(ci), keep=keep, store=store)


def _gitlab(ci: Ci, script: PurePosixPath) -> str:
    store = _GITLAB_STORE.format(script=script, branch=ci.branch) if ci.stored else ""
    keep = _GITLAB_KEEP.format(built=BUILT) if ci.stored else ""
    stages = "[build, store]" if ci.stored else "[build]"
    return _GITLAB.format(script=script, targets=_listed(ci), keep=keep, store=store, stages=stages)


def _listed(ci: Ci) -> str:
    # in quotes: 1.10 would be a number
    return ", ".join(f'"{target.name}"' for target in ci.targets)


_GITHUB = """\
# Written by `edgedeploy ci init`. What is done stands in {script}.
name: edgedeploy

on:
  push:
  pull_request:

permissions:
  contents: read

# one push after the other: an older commit must not be stored after a newer one
concurrency:
  group: edgedeploy-${{{{ github.ref }}}}
  cancel-in-progress: false

env:
  EDGEDEPLOY_PACKAGE: ${{{{ vars.EDGEDEPLOY_PACKAGE }}}}

jobs:
  build:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        target: [{targets}]
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - run: sh {script} build ${{{{ matrix.target }}}}
{keep}{store}"""

_GITHUB_KEEP = """\
      - if: matrix.target == '{stored}'
        uses: actions/upload-artifact@v4
        with:
          name: built
          path: {built}
          include-hidden-files: true
          if-no-files-found: error
"""

_GITHUB_STORE = """\

  # the only job that has the deploy key; it builds nothing
  store:
    needs: build
    if: github.event_name == 'push' && github.ref == 'refs/heads/{branch}'
    runs-on: ubuntu-latest
    concurrency:
      group: edgedeploy-store-{app}
      cancel-in-progress: false
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/download-artifact@v4
        with:
          name: built
          path: {folder}
      - run: sh {script} store
        env:
          EDGEDEPLOY_DEPLOY_KEY: ${{{{ secrets.EDGEDEPLOY_DEPLOY_KEY }}}}
          EDGEDEPLOY_DEPLOY_HOST_KEY: ${{{{ vars.EDGEDEPLOY_DEPLOY_HOST_KEY }}}}
"""

_GITLAB = """\
# Written by `edgedeploy ci init`. What is done stands in {script}.
# The image has Python and git; take one that has your compiler, too.
default:
  image: python:3.11-bookworm

stages: {stages}

build:
  stage: build
  interruptible: true
  parallel:
    matrix:
      - TARGET: [{targets}]
  script:
    - sh {script} build "$TARGET"
{keep}{store}"""

_GITLAB_KEEP = """\
  artifacts:
    paths:
      - {built}
    expire_in: 1 day
"""

_GITLAB_STORE = """\

# The variable EDGEDEPLOY_DEPLOY_KEY: give it the environment scope `edgedeploy`, so that no other job is handed it, and protect it.
store:
  stage: store
  environment:
    name: edgedeploy
  rules:
    - if: $CI_PIPELINE_SOURCE != "merge_request_event" && $CI_COMMIT_BRANCH == "{branch}"
  resource_group: edgedeploy-store
  script:
    - sh {script} store
"""
