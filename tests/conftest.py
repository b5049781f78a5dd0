"""For every tier."""

from __future__ import annotations

from hypothesis import settings

# a loaded machine is slow, not wrong: what takes too long is pytest-timeout's affair
settings.register_profile("edgedeploy", deadline=None, database=None)
settings.load_profile("edgedeploy")
