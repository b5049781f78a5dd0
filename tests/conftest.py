"""For every tier."""

from __future__ import annotations

import signal

from hypothesis import settings

from tests import needs

# a loaded machine is slow, not wrong: what takes too long is pytest-timeout's affair;
# `make test` asks the same questions each time, so that a red run is about the change and not about the dice; who runs
# pytest by hand rolls them
settings.register_profile("edgedeploy", deadline=None, database=None, derandomize=needs.must_run())
settings.load_profile("edgedeploy")

# a shell that starts us in the background has us ignore Ctrl-C, and our children with us: but some are to be sent one
signal.signal(signal.SIGINT, signal.default_int_handler)
