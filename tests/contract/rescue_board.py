"""A board in trouble: that of serial_board, with a network, a disk, a clock and services of its own, all of them broken at will.

What it writes to stays its own: /etc and /usr/local are overlays, /var, /root and /tmp file systems of their own, the
network is a namespace. Xen's tools and `date` are the only fakes: the clock is the whole machine's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.contract.serial_board import GETTY, PASSWORD, Board
from tests.guard import USUAL_S
from tests.netns import Namespace

MACHINE = "0123456789abcdef0123456789abcdef"

_FIRST = """
mount --make-rprivate /
for d in etc usr/local;do mkdir -p {d}/up/$d {d}/work/$d
mount -t overlay overlay -o lowerdir=/$d,upperdir={d}/up/$d,workdir={d}/work/$d /$d;done
mount -t tmpfs -o size=8m var /var
mount -t tmpfs root /root  # no start-up files of the test machine's
mkdir -p /var/log /var/lib/edgedeploy /var/cache/apt/archives /var/tmp /usr/local/sbin /root/.ssh /etc/cron.d
ln -s /run /var/run
echo {machine} >/etc/machine-id
echo cubie >/etc/hostname
rm -f /etc/ssh/ssh_host_* /etc/systemd/network/*
printf 'Port 22\\nPermitRootLogin prohibit-password\\nUsePAM no\\nStrictModes no\\n' >/etc/ssh/sshd_config
rm -rf /etc/ssh/sshd_config.d
cp {d}/tools/* /usr/local/sbin/
echo 0 >/root/clock
"""

_DATE = """#!/bin/sh
# a clock of this board's own: {clock} has by how much it is wrong
off=$(cat {clock})
case "$*" in
-s*) to=${{2#@}};echo $((to-$(/bin/date +%s))) >{clock};;
+%s) echo $(($(/bin/date +%s)+off));;
*) /bin/date "$@";;
esac
"""
_XL = """#!/bin/sh
case $1 in
info) printf 'xen_version : 4.17.5\\nxen_major : 4\\nxen_minor : 17\\nxen_extra : .5\\n'
printf 'free_memory : 700\\ntotal_memory : 1024\\nnr_cpus : 2\\n'
printf 'machine : armv7l\\nxen_caps : xen-3.0-armv7l\\n';;
list) [ "$2" = -l ]&&echo '[]'||echo 'Name ID Mem VCPUs State Time(s)';;
esac
"""


class SickBoard(Board):
    """`ills` is shell that makes it sick, run inside before its getty starts. `laptop` is where edgedeploy runs."""

    def __init__(self, folder: Path, net: Namespace, ills: str = "", **more: object):
        tools = folder / "tools"
        tools.mkdir()
        for name, text in {"xl": _XL, "date": _DATE.format(clock="/root/clock"), "crontab": "#!/bin/sh\n"}.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        first = _FIRST.format(d=folder, machine=MACHINE)
        # the tty must be known before /tmp is another
        runs = f"mount -t tmpfs tmp /tmp\nset +e\n{ills}\n{GETTY}"
        super().__init__(folder, runs, within=net.argv(), first=first, **more)  # type: ignore[arg-type]  # serial_board's own

    @property
    def clock_off(self) -> int:
        return int(self.inside("cat /root/clock"))

    def pid(self) -> int:
        """The namespaces' first process, as the test machine numbers it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def inside(self, command: str) -> str:
        """What a command says on the board, not typed at its console."""
        argv = ["nsenter", "-t", str(self.pid()), "-m", "-n", "-p", "-u", "sh", "-c", command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=USUAL_S, check=False).stdout.strip()


class Run:
    """One run of `edgedeploy`, ended."""

    def __init__(self, ended: subprocess.CompletedProcess[str]):
        self.status, self.out, self.err = ended.returncode, ended.stdout, ended.stderr

    @property
    def data(self) -> dict:
        return json.loads(self.out)

    def mends(self) -> dict[str, str]:
        return {mend["code"]: mend["outcome"] for mend in self.data["mends"]}

    def codes(self, key: str = "findings") -> set[str]:
        return {one["code"] for one in self.data[key]}

    def __repr__(self) -> str:
        return f"status {self.status}\n{self.out}\n{self.err}"


def edgedeploy(laptop: Namespace, home: Path, *words: str, timeout: float = 5 * USUAL_S) -> Run:
    """The program itself on the laptop, in its own network; it types and waits as fast as a pty can take it."""
    env = {
        **os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state"),
        "EDGEDEPLOY_CONSOLE_PASSWORD": PASSWORD, "COLUMNS": "200",
    }  # fmt: skip
    argv = laptop.argv(sys.executable, "-m", "tests.contract.hasty", *words)
    return Run(
        subprocess.run(
            argv, capture_output=True, text=True, timeout=timeout, env=env, stdin=subprocess.DEVNULL, check=False
        )
    )
