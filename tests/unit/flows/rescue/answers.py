"""What boards answer to the probe: a well one, and how to make it ill."""

from __future__ import annotations

import json

from edgedeploy.flows.rescue import facts
from edgedeploy.flows.rescue.facts import Facts
from edgedeploy.flows.rescue.finding import Laptop

NOW = 1_800_000_000
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJwwY4NnH624cqT/wcwyLU+fTJCvVv484/+gfap21Jrh"
AGENT = "5c1e0a9d00aa" + "0" * 52
WELL = f"""uid 0
host stage
machine 0123456789abcdef0123456789abcdef
init systemd
compatible cubietech,cubieboard2 allwinner,sun7i-a20
python Python 3.11.2
tool ip
tool dhclient
tool sshd
tool avahi-daemon
tool cron
tool xl
tool python3
procs avahi-daemon cron dbus-daemon sshd
iface lo xenbr0
link eth0 1 0x1003 1 xenbr0 - 02:16:3e:00:00:01
link vif1.0 1 0x1003 1 xenbr0 - fe:ff:ff:ff:ff:ff
link vif2.0 1 0x1003 1 xenbr0 - fe:ff:ff:ff:ff:ff
link xenbr0 1 0x1003 1 - bridge 02:16:3e:00:00:01
link lo 772 0x9 1 - - 00:00:00:00:00:00
addr 1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
addr 5: xenbr0    inet 192.168.1.7/24 brd 192.168.1.255 scope global dynamic xenbr0\\       valid_lft 3000sec
addr 5: xenbr0    inet6 fe80::16:3eff:fe00:1/64 scope link \\       valid_lft forever preferred_lft forever
route default via 192.168.1.1 dev xenbr0
route 192.168.1.0/24 dev xenbr0 proto kernel scope link src 192.168.1.7
ping 192.168.1.1 0
neigh 192.168.1.1 dev xenbr0 lladdr 00:11:22:33:44:55 REACHABLE
dup 0 xenbr0 192.168.1.7
listen 0016 8027
sshport
hostkeys 3
hostkey {KEY} root@stage
pushkey AAAAMINE edgedeploy:anna@laptop
df Filesystem 1024-blocks Used Available Capacity Mounted on
df /dev/mmcblk0p2 15000000 3000000 11000000 22% /
inodes Filesystem Inodes IUsed IFree IUse% Mounted on
inodes /dev/mmcblk0p2 900000 90000 810000 10% /
root ext4 rw,noatime,errors=remount-ro 0 0
toml id "00112233445566aa"
toml name "stage"
toml profile "cubieboard2"
agent edgedeploy-agent {AGENT[:12]}
apps decks
hypervisor xen
xl 0
dom 0 r----- Domain-0
dom 1 -b---- decks
dom 2 -b---- menu
xlinfo xen_version            : 4.17.5
xlinfo total_memory           : 1024
xlinfo free_memory            : 300
vifmac 1 "00:16:3e:aa:00:01"
vifmac 2 "00:16:3e:aa:00:02"
now {NOW}
end
"""
APP = {"release": "r2", "good": "r2", "wanted": "r2", "healthy": True, "phase": "idle", "reason": ""}
LAPTOP = Laptop(float(NOW), AGENT, "AAAAMINE", "xenbr0", (KEY,), enrolled=True)


def board(*changes: tuple[str, str], app: dict | None = None, status: str | None = None) -> Facts:
    """The well board, each (old, new) replaced; an old that is a whole line's start takes the line, and must be there."""
    text = WELL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    said = status if status is not None else json.dumps({"board": {}, "apps": {"decks": {**APP, **(app or {})}}})
    return facts.parse(text, said)
