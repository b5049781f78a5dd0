"""`edgedeploy` that logs in as fast as a pty can take it."""

from edgedeploy.cli import main
from edgedeploy.flows.rescue import probe
from edgedeploy.wires.serial import port_lock
from tests.contract.hurry import hurry

hurry()
probe.SCRIPT = probe.SCRIPT.replace("-c2 -w3", "-c1 -w1")
port_lock.holder = lambda _device: ""  # the test itself holds the laptop's end of the pty open

if __name__ == "__main__":
    main.main()
