"""What git exports for one repository, for what it calls: a hook, an alias, an IDE's terminal. It is not meant for ours."""

from __future__ import annotations

from collections.abc import MutableMapping

# `git rev-parse --local-env-vars` (environment.c: local_repo_env)
_LOCAL = """
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT GIT_OBJECT_DIRECTORY GIT_DIR
    GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE
    GIT_PREFIX GIT_INTERNAL_SUPER_PREFIX GIT_SHALLOW_FILE GIT_COMMON_DIR
"""
# the same kind: a push that is being received, a view of a repository, and what changes how git reads or prints
_MORE = """
    GIT_QUARANTINE_PATH GIT_NAMESPACE GIT_ATTR_SOURCE GIT_DEFAULT_HASH GIT_DEFAULT_REF_FORMAT GIT_INDEX_VERSION
    GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_TEMPLATE_DIR
    GIT_REFLOG_ACTION GIT_FLUSH
"""
FOREIGN = frozenset((_LOCAL + _MORE).split())
_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")


def forget(environ: MutableMapping[str, str]) -> None:
    """Drop what was set for another repository. Who commits, and how ssh is called, stays: that is the person's."""
    for name in [name for name in environ if name in FOREIGN or name.startswith(_PREFIXES)]:
        del environ[name]
