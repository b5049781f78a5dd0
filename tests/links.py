"""`make check`: every relative link in the Markdown files leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def main() -> int:
    """Print dead links; the exit status is whether there are any."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], capture_output=True, text=True, check=True
    )
    dead = []
    for name in files.stdout.splitlines():
        for link in _LINK.findall(Path(name).read_text()):
            if "://" not in link and not (Path(name).parent / link).exists():
                dead.append(f"{name}: {link}")
    print("\n".join(dead) or "no dead links")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
