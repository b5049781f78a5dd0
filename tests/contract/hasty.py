"""`edgedeploy` where no U-Boot counts at the far end and no Xen has a small ring: the waits for those need no test seconds."""

from edgedeploy.cli import main
from edgedeploy.flows.rescue import probe
from edgedeploy.wires.serial import expect, port_lock, recognise

recognise.LISTEN = 0.3
expect._PAUSE = 0.004
probe.SCRIPT = probe.SCRIPT.replace("-c2 -w3", "-c1 -w1")
port_lock.holder = lambda _device: ""  # the test itself holds the laptop's end of the pty open

if __name__ == "__main__":
    main.main()
