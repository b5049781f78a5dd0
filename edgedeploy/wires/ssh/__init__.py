"""The SSH wire: an exec channel per command. Only this package knows paramiko."""

from edgedeploy.wires.ssh.config import SshTarget
from edgedeploy.wires.ssh.login import Credentials
from edgedeploy.wires.ssh.wire import SshWire

__all__ = ["Credentials", "SshTarget", "SshWire"]
