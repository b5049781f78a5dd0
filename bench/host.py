"""The computer on which the bench ran, in one line."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from edgedeploy.core import errors


@dataclass(frozen=True, slots=True)
class Host:
    """Processor, cores, emulator; the load before and at the end."""

    processor: str
    cores: int
    qemu: str
    load: tuple[float, ...]

    @classmethod
    def look(cls) -> Host:
        """Raises errors.UsageFault where there is no QEMU."""
        try:
            argv = ["qemu-system-arm", "--version"]
            said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            raise errors.UsageFault(
                "the bench needs qemu-system-arm, which does not run here", hint="make bench installs it"
            ) from None
        return cls(processor(), os.cpu_count() or 1, said.splitlines()[0], (os.getloadavg()[0],))

    def after(self) -> Host:
        """The same, with the load as it is now."""
        return replace(self, load=(*self.load, os.getloadavg()[0]))

    def line(self) -> str:
        """For the page."""
        load = " before, ".join(f"{value:.1f}" for value in self.load)
        return f"{self.processor}, {self.cores} cores; {self.qemu}; load average {load} at the end"


def processor() -> str:
    """As the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"
